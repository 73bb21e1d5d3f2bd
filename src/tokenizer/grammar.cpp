#include "tokenizer/grammar.h"

#include <cmath>

#include "base/error.h"

namespace rouse {

Grammar::Grammar(const Tokenizer& tokenizer, std::string_view gbnf)
    : tokenizer_(&tokenizer), recognizer_(compile_gbnf(gbnf)), state_(recognizer_.start()) {}

std::unique_ptr<Grammar> Grammar::clone() const {
  auto out = std::make_unique<Grammar>(*this);
  out->state_ = out->recognizer_.keep_only(state_);
  return out;
}

void Grammar::allow(std::span<float> scores) {
  recognizer_.allow_work();
  std::vector<bool> allowed(scores.size());
  if (recognizer_.whole(state_))
    for (const int token : tokenizer_->end_tokens()) allowed[static_cast<size_t>(token)] = true;
  tokenizer_->sorted().mark(
      state_, [&](int state, uint8_t byte) { return recognizer_.next(state, byte); }, allowed);
  for (size_t token = 0; token < scores.size(); ++token)
    if (!allowed[token]) scores[token] = -INFINITY;
}

void Grammar::accept(int token) {
  constexpr size_t kMostItems = size_t{1} << 22;  // 48 MB
  recognizer_.allow_work();
  const std::string piece = tokenizer_->piece(token);
  for (const char c : piece) {
    state_ = recognizer_.next(state_, static_cast<uint8_t>(c));
    require(state_ != Recognizer::kDead, "token ", token, " does not follow the grammar");
  }
  if (recognizer_.n_item() <= kMostItems) return;
  state_ = recognizer_.keep_only(state_);
  require_usage(recognizer_.n_item() <= kMostItems,
                "the grammar is too ambiguous: the text so far has too many readings");
}

void check_grammar(std::string_view gbnf) {
  Recognizer{compile_gbnf(gbnf)};
}

}  // namespace rouse
