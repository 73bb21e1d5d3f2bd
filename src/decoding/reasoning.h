/// decoding/reasoning.h - what a model thinks aloud before it answers, apart from the answer, as the text
/// grows.
///
/// Two forms: tags around the reasoning at the text's beginning (<think>...</think> and others), which some
/// templates open in the prompt already; and harmony's channels, where control tokens name each message's
/// channel, the answer's being "final".
#pragma once

#include <string>
#include <string_view>

namespace rouse {

/// The tag that the end of a prompt opens and does not close, or "".
std::string open_reasoning(std::string_view prompt_end);

class ReasoningSplitter {
 public:
  /// opened: what open_reasoning gave for the prompt.
  explicit ReasoningSplitter(std::string_view opened);

  /// More text, cut anywhere; and a control token, which stands between texts, by its name.
  void text(std::string_view piece);
  void control(std::string_view name);
  /// No more comes: what could have become a tag is text.
  void finish();

  /// What is certain so far; both only grow. White space around the reasoning belongs to neither.
  const std::string& reasoning() const { return reasoning_; }
  const std::string& answer() const { return answer_; }

 private:
  enum class State { begin, opened, reasoning, closed, answer, header, between };

  bool step();
  bool begin();
  bool skip_repeated();
  bool reason();
  void end_of_reasoning(std::string_view last);
  void enter(size_t tag);

  State state_ = State::begin;
  size_t tag_ = 0;         ///< that was opened
  bool channels_ = false;  ///< harmony: no tag ends the reasoning
  std::string pending_;    ///< read, but not yet decided
  std::string reasoning_, answer_;
};

}  // namespace rouse
