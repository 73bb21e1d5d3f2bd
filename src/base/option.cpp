#include "base/option.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/text.h"

namespace rouse {
namespace {

constexpr size_t kMostText = size_t{1} << 20, kMostTexts = 1024, kMostTokens = size_t{1} << 24;

/// The shortest decimal that reads back as the same float.
std::string float_text(float value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

/// A value as messages show it. JSON has no name for what is not finite; texts and programs have.
std::string shown(const Json& value) {
  if (!value.is_number_float() || std::isfinite(value.get<double>())) return json_text(value);
  return std::isnan(value.get<double>()) ? "nan" : value.get<double>() > 0 ? "inf" : "-inf";
}

[[noreturn]] void refuse(const OptionSpec& spec, const std::string& part, const Json& value,
                         const std::string& expected) {
  throw Error(cat(spec.name, part, " is ", shown(value), ", expected ", expected), ErrorKind::usage,
              spec.name);
}

template <class T>
bool in_range(const OptionSpec& s, T value) {
  const T low = static_cast<T>(s.low), high = static_cast<T>(s.high);
  return (s.low_open ? value > low : value >= low) && (s.high_open ? value < high : value <= high);
}

bool is_int64(const Json& value) {
  return value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
}

/// A float in the range before and after it is rounded: 1e-50 is above 0, but its float is not.
bool is_real(const OptionSpec& s, const Json& value) {
  if (!value.is_number()) return false;
  const double exact = value.get<double>();
  return std::isfinite(exact) && std::abs(exact) <= std::numeric_limits<float>::max() && in_range(s, exact) &&
         in_range(s, static_cast<float>(exact));
}

void check_list(const OptionSpec& spec, const Json& value, size_t low, size_t high,
                bool (*right)(const Json&), const std::string& expected) {
  if (!value.is_array() || value.size() < low || value.size() > high)
    refuse(spec, "", value, spec.expected());
  for (size_t i = 0; i < value.size(); ++i)
    if (!right(value[i])) refuse(spec, cat("[", i, "]"), value[i], expected);
}

bool is_token(const Json& value) {
  return is_int64(value) && value.get<int64_t>() >= 0 && value.get<int64_t>() <= INT32_MAX;
}

bool is_short_text(const Json& value) {
  return value.is_string() && value.get_ref<const std::string&>().size() <= kMostText;
}

size_t most_bytes(const OptionSpec& spec) {
  return spec.high > 0 ? static_cast<size_t>(spec.high) : kMostText;
}

bool is_right(const OptionSpec& s, const Json& value) {
  switch (s.type) {
    case OptionType::boolean:
      return value.is_boolean();
    case OptionType::integer:
      return is_int64(value) && in_range(s, static_cast<double>(value.get<int64_t>()));
    case OptionType::natural:
      return value.is_number_unsigned() || (value.is_number_integer() && value.get<int64_t>() >= 0);
    case OptionType::real:
      return is_real(s, value);
    case OptionType::text:
      return value.is_string() && value.get_ref<const std::string&>().size() <= most_bytes(s);
    case OptionType::word: {
      const auto words = s.word_list();
      return value.is_string() && std::find(words.begin(), words.end(), value) != words.end();
    }
    case OptionType::texts:
      return value.is_string() || value.is_array();
    case OptionType::tokens:
    case OptionType::messages:
      return value.is_array();
    case OptionType::json:
      return !value.is_null();
  }
  return false;
}

/// "3", "0.5", "nan", "true", "null": what is no text. Everything else is.
Json literal(std::string_view text) {
  if (text == "null") return nullptr;
  if (text == "true" || text == "false") return text == "true";
  const char *begin = text.data(), *end = begin + text.size();
  const auto read = [&](auto value) -> Json {
    const auto result = std::from_chars(begin, end, value);
    return result.ec == std::errc() && result.ptr == end ? Json(value) : Json();
  };
  for (const Json& number : {read(int64_t{}), read(uint64_t{}), read(double{})})
    if (!number.is_null()) return number;
  return std::string(text);
}

/// Characters that are wrong, missing or too many; two that changed places are one change.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, above, row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j - 1] + (a[i - 1] != b[j - 1]), above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> OptionSpec::word_list() const {
  return split(words, ' ');
}

std::string OptionSpec::expected() const {
  switch (type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return cat("an integer of ", static_cast<int64_t>(low), " to ", static_cast<int64_t>(high));
    case OptionType::natural:
      return cat("an integer of 0 to ", UINT64_MAX);
    case OptionType::real:
      return cat("a number in ", low_open ? '(' : '[', float_text(static_cast<float>(low)), ", ",
                 float_text(static_cast<float>(high)), high_open ? ')' : ']');
    case OptionType::text:
      return "text";
    case OptionType::word: {
      std::vector<std::string> all = word_list();
      const std::string last = all.back();
      all.pop_back();
      return all.empty() ? last : cat(join(all, ", "), " or ", last);
    }
    case OptionType::texts:
      return cat("text, or a list of at most ", kMostTexts, " texts");
    case OptionType::tokens:
      return cat("a list of 1 to ", kMostTokens, " token ids");
    case OptionType::messages:
      return "a list of messages";
    case OptionType::json:
      return "a value";
  }
  return "";
}

void check_option(const OptionSpec& spec, const Json& value) {
  if (spec.type == OptionType::text && value.is_string() && !is_right(spec, value))
    refuse(spec, "", value, cat("text of at most ", most_bytes(spec), " bytes"));
  if (!is_right(spec, value)) refuse(spec, "", value, spec.expected());
  if (spec.type == OptionType::tokens)
    check_list(spec, value, 1, kMostTokens, is_token, cat("an integer of 0 to ", INT32_MAX));
  else if (spec.type == OptionType::texts && value.is_array())
    check_list(spec, value, 0, kMostTexts, is_short_text, "text");
}

void set_option(const OptionSpec& spec, const OptionPlace& place, const Json& value) {
  check_option(spec, value);
  const auto store = [&](auto* to) {
    using T = std::remove_pointer_t<decltype(to)>;
    if constexpr (std::is_same_v<T, std::optional<bool>>) {
      *to = value.get<bool>();
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      *to = value.is_string() ? T{value.get<std::string>()} : value.get<T>();
    } else {
      *to = value.get<T>();
    }
  };
  std::visit(
      [&](auto to) {
        if constexpr (!std::is_same_v<decltype(to), std::monostate>) store(to);
      },
      place);
}

Json option_literal(const OptionSpec& spec, std::string_view text) {
  switch (spec.type) {
    case OptionType::text:
    case OptionType::word:
      return std::string(text);
    case OptionType::texts:
      return Json::array({std::string(text)});
    case OptionType::tokens: {
      Json out = Json::array();
      for (const std::string& part : split(text, ',')) out.push_back(literal(trim(part)));
      return out;
    }
    case OptionType::json:
      return parse_json(text, spec.name);
    default:
      return literal(text);
  }
}

Json option_value(const OptionPlace& place) {
  const auto value = [](auto* from) -> Json {
    using T = std::remove_pointer_t<decltype(from)>;
    if constexpr (std::is_same_v<T, std::optional<bool>>) {
      return *from ? Json(**from) : Json();
    } else if constexpr (std::is_same_v<T, float>) {
      return std::isfinite(*from) ? Json(parse_double(float_text(*from)).value_or(0)) : Json(*from);
    } else {
      return Json(*from);
    }
  };
  return std::visit(
      [&](auto from) -> Json {
        if constexpr (std::is_same_v<decltype(from), std::monostate>) {
          return nullptr;
        } else {
          return value(from);
        }
      },
      place);
}

std::string underscored(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> known) {
  constexpr size_t kFar = 3, kLongest = 64;
  size_t least = kFar;
  std::string best;
  for (const std::string& other : known) {
    // Of a very short name everything is two changes away.
    const size_t most = std::min(kFar, other.size() > 2 ? kFar : size_t{1});
    const size_t distance = name.size() > kLongest ? kFar : edit_distance(name, other);
    if (distance < least && distance < most) least = distance, best = other;
  }
  return best.empty() ? "" : cat("; did you mean ", best, "?");
}

}  // namespace rouse
