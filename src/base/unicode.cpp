#include "base/unicode.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "base/error.h"

namespace rouse {

static icu::UnicodeString utf16(std::u32string_view text) {
  return icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                       static_cast<int32_t>(text.size()));
}

static std::u32string utf32(const icu::UnicodeString& text) {
  std::u32string out(static_cast<size_t>(text.countChar32()), U'\0');
  UErrorCode status = U_ZERO_ERROR;
  text.toUTF32(reinterpret_cast<UChar32*>(out.data()), static_cast<int32_t>(out.size()), status);
  // A buffer that the text fills to the last character earns a warning: there is no terminator.
  require(U_SUCCESS(status), "Unicode: ", u_errorName(status));
  return out;
}

size_t n_character(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::u32string code_points(std::string_view utf8) {
  require(utf8.size() <= INT32_MAX, "a text of ", utf8.size(), " bytes is too long");
  return utf32(icu::UnicodeString::fromUTF8({utf8.data(), static_cast<int32_t>(utf8.size())}));
}

std::string utf8(std::u32string_view text) {
  std::string out;
  return utf16(text).toUTF8String(out);
}

std::u32string lower_case(std::u32string_view text) {
  return utf32(utf16(text).toLower(icu::Locale::getRoot()));
}

std::u32string_view strip_right(std::u32string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::u32string_view strip(std::u32string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return strip_right(text);
}

std::vector<std::u32string> split_words(std::u32string_view text) {
  std::vector<std::u32string> out;
  bool open = false;
  for (const char32_t c : text) {
    const bool space = is_space(c);
    if (!space && !open) out.emplace_back();
    if (!space) out.back() += c;
    open = !space;
  }
  return out;
}

bool is_space(char32_t c) {
  // CPython's definition: category Zs, or a bidirectional class of white space or separators.
  const UCharDirection direction = u_charDirection(static_cast<UChar32>(c));
  return direction == U_WHITE_SPACE_NEUTRAL || direction == U_BLOCK_SEPARATOR ||
         direction == U_SEGMENT_SEPARATOR || u_charType(static_cast<UChar32>(c)) == U_SPACE_SEPARATOR;
}

bool is_word(char32_t c) {
  const auto point = static_cast<UChar32>(c);
  return c == '_' || u_isalpha(point) || u_getIntPropertyValue(point, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

int digit_value(char32_t c) {
  return u_charDigitValue(static_cast<UChar32>(c));
}

double fraction_value(char32_t c) {
  const double value = u_getNumericValue(static_cast<UChar32>(c));
  return value > 0 && value < 1 ? value : 0;
}

static bool in_category(char32_t c, uint32_t mask) {
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & mask) != 0;
}
bool is_number(char32_t c) {
  return in_category(c, U_GC_N_MASK);
}
bool is_punctuation(char32_t c) {
  return in_category(c, U_GC_P_MASK);
}
bool is_symbol(char32_t c) {
  return in_category(c, U_GC_S_MASK);
}
bool is_currency(char32_t c) {
  return in_category(c, U_GC_SC_MASK);
}

}  // namespace rouse
