#include "eval/task_scores.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "base/unicode.h"
#include "decoding/vote.h"
#include "eval/code.h"
#include "eval/published.h"
#include "eval/similarity.h"

namespace rouse {

std::optional<std::string> whole_text(const std::string& text) {
  const std::string_view answer = trim(text);
  return answer.empty() ? std::nullopt : std::optional<std::string>(answer);
}

/// A letter of a choice at `at`, alone.
static bool is_letter_at(std::string_view text, size_t at) {
  const auto word = [&](size_t i) {
    return i < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[i])) || static_cast<unsigned char>(text[i]) > 127);
  };
  return at < text.size() && text[at] >= 'A' && text[at] <= 'J' && !word(at + 1) && !(at > 0 && word(at - 1));
}

std::optional<std::string> choice_letter(const std::string& text) {
  size_t said = std::string::npos;
  for (const char* phrase : {"nswer is", "nswer:"})
    if (const size_t at = text.rfind(phrase); at != std::string::npos)
      said = said == std::string::npos ? at : std::max(said, at);
  if (said != std::string::npos)
    for (size_t at = said; at < text.size(); ++at)
      if (is_letter_at(text, at)) return text.substr(at, 1);
  const size_t begin = text.find_first_not_of(" \t\n(*");
  if (is_letter_at(text, begin)) return text.substr(begin, 1);
  for (size_t at = text.find('('); at != std::string::npos; at = text.find('(', at + 1))
    if (is_letter_at(text, at + 1) && at + 2 < text.size() && text[at + 2] == ')')
      return text.substr(at + 1, 1);
  return std::nullopt;
}

static std::optional<std::string> code_of(const std::string& text) {
  return fenced_code(text).value_or(text);
}

static constexpr TaskExtractor kExtractors[] = {
    {"text", "the whole text", whole_text},
    {"line", "its first line", first_line},
    {"number", "the last number after \"the answer is\", else the last (GSM8K's rule)", last_number},
    {"yesno", "the last yes or no after \"answer is\", else the last", last_yes_no},
    {"letter", "the letter after \"answer is\", else one that begins the text or stands in brackets",
     choice_letter},
    {"code", "the first fenced block of Python, else all", code_of},
};
std::span<const TaskExtractor> task_extractors() {
  return kExtractors;
}

static std::string matched(const std::string& text, const MatchOptions& o) {
  std::string out = o.ignore_case ? utf8(lower_case(code_points(text))) : text;
  if (o.ignore_punctuation) std::erase_if(out, [](unsigned char c) { return c < 128 && std::ispunct(c); });
  return out;
}

static double exact_match(const std::string& answer, const std::string& gold, const MatchOptions& o) {
  return matched(answer, o) == matched(gold, o);
}

static double quasi_exact_match(const std::string& answer, const std::string& gold, const MatchOptions&) {
  return triviaqa_normalised(answer) == triviaqa_normalised(gold);
}

static double contains(const std::string& answer, const std::string& gold, const MatchOptions&) {
  const std::string part = triviaqa_normalised(gold);
  return !part.empty() &&
         (" " + triviaqa_normalised(answer) + " ").find(" " + part + " ") != std::string::npos;
}

/// SQuAD's: of the bags of normalised words.
static double word_f1(const std::string& answer, const std::string& gold, const MatchOptions&) {
  const auto words = [](const std::string& text) {
    std::vector<std::string> out = split(triviaqa_normalised(text), ' ');
    std::erase(out, "");
    return out;
  };
  const std::vector<std::string> said = words(answer), right = words(gold);
  if (said.empty() || right.empty()) return said.empty() && right.empty();
  std::map<std::string, int> left;
  for (const std::string& word : right) ++left[word];
  double same = 0;
  for (const std::string& word : said) same += left[word]-- > 0;
  return 2 * same / static_cast<double>(said.size() + right.size());
}

static double rouge(const std::string& answer, const std::string& gold, const MatchOptions&) {
  return rouge_l(answer, gold);
}

static constexpr TextMetric kTextMetrics[] = {
    {"exact_match", "the answer is the right one", exact_match},
    {"quasi_exact_match", "the same without case, articles and punctuation (TriviaQA's normalisation)",
     quasi_exact_match},
    {"contains", "the right answer's words stand in the answer, normalised so", contains},
    {"f1", "F1 of the words, normalised so (SQuAD)", word_f1},
    {"rougeL", "ROUGE-L", rouge},
};
std::span<const TextMetric> text_metrics() {
  return kTextMetrics;
}

static double is_among(size_t best, std::span<const size_t> gold) {
  return std::find(gold.begin(), gold.end(), best) != gold.end();
}

static double acc(std::span<const std::string>, const Response& r, std::span<const size_t> gold) {
  return is_among(best_of(totals(r)), gold);
}

static double acc_norm(std::span<const std::string> choices, const Response& r,
                       std::span<const size_t> gold) {
  std::vector<double> by_length = totals(r);
  for (size_t i = 0; i < by_length.size(); ++i) by_length[i] /= static_cast<double>(n_character(choices[i]));
  return is_among(best_of(by_length), gold);
}

static double acc_token(std::span<const std::string>, const Response& r, std::span<const size_t> gold) {
  return is_among(best_of(means(r)), gold);
}

static double mc2(std::span<const std::string>, const Response& r, std::span<const size_t> gold) {
  return share_of_right(totals(r), [&](size_t choice) { return is_among(choice, gold); });
}

static constexpr ChoiceMetric kChoiceMetrics[] = {
    {"acc", "the likeliest choice is a right one (with several right ones TruthfulQA's MC1)", acc},
    {"acc_norm", "the same by log-likelihood a character of the choice", acc_norm},
    {"acc_token", "the same by log-likelihood a token", acc_token},
    {"mc2", "the right choices' share of the probability (TruthfulQA's MC2)", mc2},
};
std::span<const ChoiceMetric> choice_metrics() {
  return kChoiceMetrics;
}

}  // namespace rouse
