/// base/unicode.h - characters and case by the Unicode standard (ICU), in the terms of Python's str and re:
/// the published scorers of answers are Python.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rouse {

/// Characters of UTF-8, not its bytes.
size_t n_character(std::string_view utf8);
/// Code points of UTF-8; what is no UTF-8 becomes U+FFFD.
std::u32string code_points(std::string_view utf8);
std::string utf8(std::u32string_view text);

/// str.lower(): full mappings of the root locale, a sigma that ends a word included.
std::u32string lower_case(std::u32string_view text);
/// str.rstrip(), str.strip() and str.split().
std::u32string_view strip_right(std::u32string_view text);
std::u32string_view strip(std::u32string_view text);
std::vector<std::u32string> split_words(std::u32string_view text);

/// str.isspace() of one character.
bool is_space(char32_t c);
/// re's \w: a letter, whatever has a numeric value, the underscore. A combining mark is none.
bool is_word(char32_t c);
/// The value of a decimal digit of any script (re's \d), or -1.
int digit_value(char32_t c);
/// The value of a fraction such as U+00BD, or 0.
double fraction_value(char32_t c);

/// General categories N, P, S and Sc.
bool is_number(char32_t c);
bool is_punctuation(char32_t c);
bool is_symbol(char32_t c);
bool is_currency(char32_t c);

}  // namespace rouse
