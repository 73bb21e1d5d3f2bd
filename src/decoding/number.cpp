#include "decoding/number.h"

#include <cmath>
#include <cstdint>

#include "base/error.h"
#include "base/text.h"
#include "base/unicode.h"

namespace rouse {
namespace {

/// A number without its sign, as parse_double reads it, and the place after it.
struct Number {
  std::string text;
  size_t end = 0;
};

char32_t at(std::u32string_view text, size_t i) {
  return i < text.size() ? text[i] : U'\0';
}

bool one_of(char32_t c, std::u32string_view some) {
  return c != 0 && some.find(c) != std::u32string_view::npos;
}

constexpr std::u32string_view kPoints = U".\uFF0E\u066B";   // ASCII, full-width, Arabic
constexpr std::u32string_view kSlashes = U"/\u2044\u2215";  // and the slashes of fractions and of division
constexpr std::u32string_view kDashes = U"-\u2010\u2011\u2012\u2013\u2212\uFE63\uFF0D";  // U+2212: the minus

/// What stands between groups of digits, and how many of them make it sure that it does.
struct Separator {
  std::u32string_view text;
  size_t n_least;
};
constexpr Separator kSeparators[] = {
    {U",", 1},      {U"\uFF0C", 1}, {U"\u066C", 1},                  // commas: ASCII, full-width, Arabic
    {U"\u00A0", 1}, {U"\u202F", 1}, {U"\u2007", 1}, {U"\u2009", 1},  // spaces set inside a number
    {U"'", 1},      {U"\u2019", 1}, {U"_", 1},                       // Swiss, and as in programs
    {U"{,}", 1},    {U"\\,", 1},                                     // LaTeX
    {U".", 2},                                                       // one alone is a point
};

/// Decimal digits of any script, in ASCII.
Number digits_at(std::u32string_view text, size_t i) {
  Number out{"", i};
  for (int value; (value = digit_value(at(text, out.end))) >= 0; ++out.end)
    out.text += static_cast<char>('0' + value);
  return out;
}

/// Digits, or groups of them: three each, in the Indian way two before the last.
Number grouped_at(std::u32string_view text, size_t i) {
  const Number plain = digits_at(text, i);
  if (plain.text.empty() || plain.text.size() > 3) return plain;
  for (const Separator& s : kSeparators) {
    Number open = plain, whole = plain;
    for (size_t n = 1; text.substr(open.end, s.text.size()) == s.text; ++n) {
      const Number group = digits_at(text, open.end + s.text.size());
      if (group.text.size() != 3 && !(group.text.size() == 2 && s.text == U",")) break;
      open = {open.text + group.text, group.end};
      if (group.text.size() == 3 && n >= s.n_least) whole = open;
    }
    if (whole.end > plain.end) return whole;
  }
  return plain;
}

/// "1/2", or one character such as U+00BD. 24/12/2020 is none.
std::optional<Number> fraction_at(std::u32string_view text, size_t i) {
  if (const double value = fraction_value(at(text, i))) return Number{number_text(value), i + 1};
  const Number above = digits_at(text, i);
  if (above.text.empty() || !one_of(at(text, above.end), kSlashes)) return std::nullopt;
  const Number below = digits_at(text, above.end + 1);
  const double divisor = parse_double(below.text).value_or(0);
  if (divisor == 0 || one_of(at(text, below.end), kSlashes)) return std::nullopt;
  if (i > 0 && one_of(text[i - 1], kSlashes)) return std::nullopt;
  return Number{number_text(parse_double(above.text).value_or(0) / divisor), below.end};
}

/// The fraction of a mixed number that stands after the whole: "2\u00BD", "2 1/2".
std::optional<Number> mixed_at(std::u32string_view text, size_t end) {
  if (const double value = fraction_value(at(text, end))) return Number{number_text(value), end + 1};
  if (at(text, end) == '\n' || !is_space(at(text, end))) return std::nullopt;
  auto fraction = fraction_at(text, end + 1);
  if (fraction && parse_double(fraction->text).value_or(1) >= 1) return std::nullopt;
  return fraction;
}

/// "e3" after a number: 1.5e3.
std::optional<Number> exponent_at(std::u32string_view text, size_t end) {
  if (!one_of(at(text, end), U"eE")) return std::nullopt;
  const bool sign = one_of(at(text, end + 1), U"+-");
  Number out = digits_at(text, end + 1 + sign);
  if (out.text.empty() || is_word(at(text, out.end))) return std::nullopt;
  out.text.insert(0, at(text, end + 1) == '-' ? "e-" : "e");
  return out;
}

Number number_at(std::u32string_view text, size_t i) {
  if (const auto fraction = fraction_at(text, i)) return *fraction;
  Number out = grouped_at(text, i);
  const Number decimals = digits_at(text, out.end + 1);
  if (one_of(at(text, out.end), kPoints) && !decimals.text.empty()) {
    out = {cat(out.text, ".", decimals.text), decimals.end};
  } else if (const auto fraction = mixed_at(text, out.end)) {
    const auto whole = parse_double(out.text), part = parse_double(fraction->text);
    return {number_text(whole.value_or(0) + part.value_or(0)), fraction->end};
  }
  if (const auto exponent = exponent_at(text, out.end)) out = {out.text + exponent->text, exponent->end};
  return out;
}

/// A digit, a fraction, or a point before a digit that ends nothing: the dots of "...18" are none.
bool begins_number(std::u32string_view text, size_t i) {
  if (digit_value(text[i]) >= 0 || fraction_value(text[i]) > 0) return true;
  return one_of(text[i], kPoints) && digit_value(at(text, i + 1)) >= 0 &&
         (i == 0 || (!is_word(text[i - 1]) && !one_of(text[i - 1], kPoints)));
}

/// A dash before the number, or before its currency, that stands between no two things: "5-3" ends in 3.
bool negative(std::u32string_view text, size_t begin) {
  if (begin > 0 && is_currency(text[begin - 1])) --begin;
  if (begin > 0 && text[begin - 1] == '\\') --begin;  // LaTeX's \$
  return begin > 0 && one_of(text[begin - 1], kDashes) && !(begin >= 2 && is_word(text[begin - 2]));
}

std::string canonical(const std::string& number) {
  const auto value = parse_double(number);
  if (!value) return number;
  const auto whole = static_cast<int64_t>(std::abs(*value) < 1e15 ? *value : 0);
  return static_cast<double>(whole) == *value ? cat(whole) : number_text(*value);
}

}  // namespace

std::optional<std::string> last_number_in(std::u32string_view text) {
  std::optional<std::string> last;
  for (size_t i = 0; i < text.size();) {
    if (!begins_number(text, i)) {
      ++i;
      continue;
    }
    const Number number = number_at(text, i);
    last = canonical((negative(text, i) ? "-" : "") + number.text);
    i = number.end;
  }
  return last;
}

}  // namespace rouse
