/// decoding/vote.h - answers taken out of generated text, and their majority: self-consistency
/// (arXiv:2203.11171).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rouse {

/// The last number after the last "he answer is", else the last number anywhere; commas, $ and % dropped, so
/// that "$1,234.50" gives "1234.5". GSM8K's rule.
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
