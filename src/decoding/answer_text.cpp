#include "decoding/answer_text.h"

namespace rouse {

bool AnswerText::add(int token) {
  const std::string shown = tokenizer_.piece(token);
  const bool control = shown.empty() || (split_ && tokenizer_.is_control(token));
  const std::string name = control ? tokenizer_.piece(token, true) : "";
  if (control && split_) controls_.push_back({text().size(), name});
  text_.add(control ? name : shown, control);
  if (text_.stopped()) return true;
  const size_t end = whole_ ? whole_(text()) : std::string::npos;
  if (end == std::string::npos) return false;
  text_.cut(end);
  return true;
}

bool AnswerText::finish() {
  const bool stopped = text_.finish();
  if (split_) {
    split(text().size());
    split_->finish();
  }
  publish(text().size());
  return stopped;
}

void AnswerText::publish(size_t end) {
  if (split_) {
    split(end);
    hand_out(on_reasoning_, split_->reasoning(), n_reasoning_);
    return hand_out(on_text_, split_->answer(), published_);
  }
  if (end <= published_) return;
  if (on_text_) on_text_(text().substr(published_, end - published_));
  published_ = end;
}

void AnswerText::hand_out(const OnText& to, const std::string& text, size_t& done) {
  if (to && text.size() > done) to(text.substr(done));
  done = text.size();
}

void AnswerText::split(size_t end) {
  const auto text_to = [&](size_t to) {
    if (to > split_to_)
      split_->text(std::string_view(text()).substr(split_to_, to - split_to_)), split_to_ = to;
  };
  size_t n = 0;
  for (; n < controls_.size() && controls_[n].at <= end; ++n) {
    text_to(controls_[n].at);
    split_->control(controls_[n].name);
  }
  controls_.erase(controls_.begin(), controls_.begin() + static_cast<std::ptrdiff_t>(n));
  text_to(end);
}

}  // namespace rouse
