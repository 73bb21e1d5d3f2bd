/// eval/task_scores.h - the answers and scores that a task file can ask for by name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/task.h"

namespace rouse {

/// How an answer is taken out of generated text.
struct TaskExtractor {
  const char* name;
  const char* help;
  std::optional<std::string> (*extract)(const std::string& text);
};
/// "text", "letter" and "code", and those of decoding/vote.h.
std::span<const TaskExtractor> task_extractors();
/// The whole text without blanks around it; nothing where it is blank.
std::optional<std::string> whole_text(const std::string& text);
/// The letter of a choice, A to J, alone between what is no letter or digit: the first after the last "answer
/// is" or "answer:", else one that begins the text, else the first in brackets.
std::optional<std::string> choice_letter(const std::string& text);

/// What metrics may ignore, as lm-evaluation-harness's exact_match has it.
struct MatchOptions {
  bool ignore_case = false;
  bool ignore_punctuation = false;  ///< of ASCII
};
/// A score of an answer against one right answer; of several the best counts.
struct TextMetric {
  const char* name;
  const char* help;
  double (*score)(const std::string& answer, const std::string& gold, const MatchOptions& options);
};
std::span<const TextMetric> text_metrics();

/// A score of choices' log-likelihoods; `gold`: numbers of the right ones.
struct ChoiceMetric {
  const char* name;
  const char* help;
  double (*score)(std::span<const std::string> choices, const Response& response,
                  std::span<const size_t> gold);
};
std::span<const ChoiceMetric> choice_metrics();

}  // namespace rouse
