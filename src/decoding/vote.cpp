#include "decoding/vote.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

static bool digit(const std::string& text, size_t at) {
  return at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]));
}

static bool letter(const std::string& text, size_t at) {
  return at < text.size() && std::isalpha(static_cast<unsigned char>(text[at]));
}

/// The part of `text` after the last `phrase`, or nothing.
static std::optional<std::string> after_last(const std::string& text, const std::string& phrase) {
  const size_t at = text.rfind(phrase);
  return at == std::string::npos ? std::nullopt : std::optional(text.substr(at + phrase.size()));
}

/// "007" and "7.0" are 7: the shortest way to write the same number, without an exponent.
static std::string canonical(const std::string& number) {
  const auto value = parse_double(number);
  if (!value) return number;
  const auto whole = static_cast<int64_t>(std::abs(*value) < 1e15 ? *value : 0);
  return static_cast<double>(whole) == *value ? cat(whole) : number_text(*value);
}

static std::optional<std::string> last_number_in(const std::string& text) {
  for (size_t end = text.size(); end-- > 0;) {
    if (!digit(text, end)) continue;
    size_t begin = end;  // of the digits, commas between digits and one point
    bool point = false;
    while (begin > 0) {
      const char c = text[begin - 1];
      const bool comma = c == ',' && begin >= 2 && digit(text, begin - 2);
      const bool dot = c == '.' && !point;
      if (!digit(text, begin - 1) && !comma && !dot) break;
      point = point || dot;
      --begin;
    }
    std::string number;
    // A minus belongs to the number unless it stands between two of them: "5-3" ends in 3.
    size_t sign = begin;
    if (sign > 0 && text[sign - 1] == '$') --sign;
    if (sign > 0 && text[sign - 1] == '-' &&
        !(sign >= 2 && (digit(text, sign - 2) || letter(text, sign - 2))))
      number = "-";
    for (size_t i = begin; i <= end; ++i)
      if (text[i] != ',') number += text[i];
    return canonical(number);
  }
  return std::nullopt;
}

std::optional<std::string> last_number(const std::string& text) {
  if (const auto after = after_last(text, "he answer is"))
    if (const auto number = last_number_in(*after)) return number;
  return last_number_in(text);
}

static std::optional<std::string> last_yes_no_in(const std::string& lower) {
  for (size_t at = lower.size(); at-- > 0;)
    for (const std::string word : {"yes", "no"})
      if (lower.compare(at, word.size(), word) == 0 && !letter(lower, at + word.size()) &&
          (at == 0 || !letter(lower, at - 1)))
        return word;
  return std::nullopt;
}

std::optional<std::string> last_yes_no(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (const auto after = after_last(lower, "answer is"))
    if (const auto word = last_yes_no_in(*after)) return word;
  return last_yes_no_in(lower);
}

std::optional<std::string> first_line(const std::string& text) {
  for (const std::string& line : split(text, '\n'))
    if (!trim(line).empty()) return std::string(trim(line));
  return std::nullopt;
}

static constexpr ExtractorEntry kExtractors[] = {
    {"number", "the last number after \"the answer is\", else the last number (GSM8K)", last_number},
    {"yesno", "the last yes or no after \"answer is\", else the last (StrategyQA)", last_yes_no},
    {"line", "the first line", first_line},
};

std::span<const ExtractorEntry> extractor_registry() {
  return kExtractors;
}

const ExtractorEntry& extractor(const std::string& name) {
  std::vector<std::string> names;
  for (const ExtractorEntry& entry : kExtractors) {
    if (name == entry.name) return entry;
    names.emplace_back(entry.name);
  }
  throw Error(cat("unknown extractor \"", name, "\"; known: ", join(names, ", ")), Exit::usage);
}

std::optional<std::string> majority(std::span<const std::optional<std::string>> answers) {
  std::map<std::string, int> counts;
  for (const auto& a : answers)
    if (a) ++counts[*a];
  std::optional<std::string> best;
  int most = 0;
  for (const auto& a : answers)
    if (a && counts[*a] > most) most = counts[*a], best = a;
  return best;
}

}  // namespace rouse
