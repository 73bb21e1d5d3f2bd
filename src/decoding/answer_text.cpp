#include "decoding/answer_text.h"

namespace rouse {

bool AnswerText::add(int token) {
  const std::string shown = tokenizer_.piece(token);
  text_.add(shown.empty() ? tokenizer_.piece(token, true) : shown, shown.empty());
  if (text_.stopped()) return true;
  const size_t end = whole_ ? whole_(text()) : std::string::npos;
  if (end == std::string::npos) return false;
  text_.cut(end);
  return true;
}

bool AnswerText::finish() {
  const bool stopped = text_.finish();
  publish(text().size());
  return stopped;
}

void AnswerText::publish(size_t end) {
  if (!on_text_ || end <= published_) return;
  on_text_(text().substr(published_, end - published_));
  published_ = end;
}

}  // namespace rouse
