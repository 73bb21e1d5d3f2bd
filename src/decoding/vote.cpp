#include "decoding/vote.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/known.h"
#include "base/text.h"
#include "base/unicode.h"
#include "decoding/number.h"

namespace rouse {

/// What the model says before it asks itself the next question.
static std::u32string_view own_words(std::u32string_view text) {
  size_t end = text.size();  // a text that begins with the question again has its answer after it
  for (const std::u32string_view next : {U"\nQuestion:", U"\nQ:"})
    for (size_t at = text.find(next); at < end; at = text.find(next, at + 1))
      if (!strip(text.substr(0, at)).empty()) end = at;
  return text.substr(0, end);
}

/// What `last` finds in the first line that holds it after the last `phrase`, else in the whole text.
template <class Last>
static std::optional<std::string> stated(std::u32string_view text, std::u32string_view phrase, Last last) {
  size_t begin = text.rfind(phrase);
  if (begin != std::u32string_view::npos)
    for (begin += phrase.size(); begin <= text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      if (auto found = last(text.substr(begin, end - begin))) return found;
      begin = end + 1;
    }
  return last(text);
}

std::optional<std::string> last_number(const std::string& text) {
  const std::u32string whole = code_points(text);
  return stated(own_words(whole), U"he answer is", last_number_in);
}

static std::optional<std::string> last_yes_no_in(std::u32string_view lower) {
  for (size_t at = lower.size(); at-- > 0;)
    for (const std::u32string_view word : {U"yes", U"no"}) {
      const size_t end = at + word.size();
      if (lower.substr(at, word.size()) == word && !(end < lower.size() && is_word(lower[end])) &&
          !(at > 0 && is_word(lower[at - 1])))
        return utf8(word);
    }
  return std::nullopt;
}

std::optional<std::string> last_yes_no(const std::string& text) {
  const std::u32string whole = code_points(text);
  return stated(lower_case(own_words(whole)), U"answer is", last_yes_no_in);
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
  throw Error(cat("unknown extractor \"", name, "\"", known_names(name, names)), ErrorKind::usage);
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
