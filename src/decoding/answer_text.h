/// decoding/answer_text.h - the text of an answer: tokens become text, a stop string or a whole answer ends
/// it, and what is certain is handed out while it grows.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "decoding/generate_options.h"
#include "decoding/reasoning.h"
#include "decoding/stop_strings.h"
#include "tokenizer/tokenizer.h"

namespace rouse {

/// Gets each piece of an answer as soon as it is certain: whole characters, no part of a stop string.
using OnText = std::function<void(const std::string& piece)>;

class AnswerText {
 public:
  /// on_reasoning: gets what is split off; else on_text gets all.
  AnswerText(const Tokenizer& tokenizer, const GenerateOptions& options, OnText on_text,
             OnText on_reasoning = {})
      : tokenizer_(tokenizer),
        text_(options.stop),
        whole_(options.end),
        on_text_(std::move(on_text)),
        on_reasoning_(std::move(on_reasoning)) {
    if (options.reasoning) split_.emplace(*options.reasoning);
  }

  /// The next token. True: the text ends here.
  bool add(int token);
  /// Hands out what is certain.
  void publish() { publish(text_.certain()); }
  /// No more comes: hands out the rest. True: a stop string that still waited for more has ended the text.
  bool finish();
  /// So far, without a stop string.
  const std::string& text() const { return text_.text(); }
  /// The text, or what of it is certain to be the answer where reasoning is split off; and the reasoning.
  const std::string& answer() const { return split_ ? split_->answer() : text(); }
  std::string reasoning() const { return split_ ? split_->reasoning() : ""; }
  /// Bytes of the answer that are certain.
  size_t published() const { return published_; }

 private:
  /// A control token: part of no text, but it may stand between reasoning and answer.
  struct Control {
    size_t at;  ///< in text()
    std::string name;
  };
  void publish(size_t end);
  void split(size_t end);
  static void hand_out(const OnText& to, const std::string& text, size_t& done);
  const Tokenizer& tokenizer_;
  StopStrings text_;
  size_t (*whole_)(const std::string& text);
  OnText on_text_, on_reasoning_;
  std::optional<ReasoningSplitter> split_;
  std::vector<Control> controls_;           ///< that the splitter has not seen
  size_t split_to_ = 0;                     ///< what it has seen of the text
  size_t published_ = 0, n_reasoning_ = 0;  ///< of the answer, and of the reasoning
};

}  // namespace rouse
