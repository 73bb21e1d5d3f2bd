/// decoding/vote.h - answers taken out of generated text as a reader would take them, and their majority:
/// self-consistency (arXiv:2203.11171).
///
/// What follows a line that begins with "Question:" or "Q:" is the model asking itself, and is not read.
/// After the last "answer is" the first line that holds an answer counts, else the whole text; its last one
/// is taken.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rouse {

/// The last number after the last "he answer is", else the last number anywhere: GSM8K's rule. Digits of
/// every script, in groups or not ("1,234", "1 234" with a no-break space), with a point, an exponent or a
/// fraction
/// ("1/2", "2\u00BD"); any dash that is set as a minus. Currency and percent signs are dropped: "$1,234.50"
/// gives "1234.5".
std::optional<std::string> last_number(const std::string& text);
/// The last yes or no after the last "answer is", else the last anywhere, in lower case. StrategyQA's rule.
std::optional<std::string> last_yes_no(const std::string& text);
/// The first line with anything in it, trimmed.
std::optional<std::string> first_line(const std::string& text);

struct ExtractorEntry {
  const char* name;
  const char* help;
  std::optional<std::string> (*extract)(const std::string& text);
};
std::span<const ExtractorEntry> extractor_registry();
/// Throws Error (exit 2).
const ExtractorEntry& extractor(const std::string& name);

/// The most frequent answer, ties to the one that came first; nothing when there is none.
std::optional<std::string> majority(std::span<const std::optional<std::string>> answers);

}  // namespace rouse
