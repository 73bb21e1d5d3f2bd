/// decoding/answer_text.h - the text of an answer: tokens become text, a stop string or a whole answer ends
/// it, and what is certain is handed out while it grows.
#pragma once

#include <functional>
#include <string>

#include "decoding/generate_options.h"
#include "decoding/stop_strings.h"
#include "tokenizer/tokenizer.h"

namespace rouse {

/// Gets each piece of an answer as soon as it is certain: whole characters, no part of a stop string.
using OnText = std::function<void(const std::string& piece)>;

class AnswerText {
 public:
  AnswerText(const Tokenizer& tokenizer, const GenerateOptions& options, OnText on_text)
      : tokenizer_(tokenizer), text_(options.stop), whole_(options.end), on_text_(std::move(on_text)) {}

  /// The next token. True: the text ends here.
  bool add(int token);
  /// Hands out what is certain.
  void publish() { publish(text_.certain()); }
  /// No more comes: hands out the rest. True: a stop string that still waited for more has ended the text.
  bool finish();
  /// So far, without a stop string.
  const std::string& text() const { return text_.text(); }

 private:
  void publish(size_t end);
  const Tokenizer& tokenizer_;
  StopStrings text_;
  size_t (*whole_)(const std::string& text);
  OnText on_text_;
  size_t published_ = 0;
};

}  // namespace rouse
