/// decoding/standard.cpp - the model's own logits: greedy search, or sampling when the temperature is above
/// 0.
#include "base/statistics.h"
#include "decoding/contrast.h"
#include "decoding/methods.h"

namespace rouse {
namespace {

class Standard final : public Method {
 public:
  explicit Standard(Stream stream) : streams_{std::move(stream)} {}
  const std::vector<Stream>& streams() const override { return streams_; }
  void append(std::span<const int> tokens) override { pending_.assign(tokens.begin(), tokens.end()); }
  Asks ask(const TokenFilter&) override {
    const bool prompt = !started_;
    started_ = true;
    return {{{.stream = 0, .tokens = std::move(pending_), .output = Output::logits, .prompt = prompt}}};
  }
  bool answer(std::span<const Answer> answers, const TokenFilter& filter,
              std::vector<float>& scores) override {
    scores.assign(answers[0].logits.begin(), answers[0].logits.end());
    filter.apply(scores);
    return true;
  }
  std::unique_ptr<Method> clone() const override { return std::make_unique<Standard>(*this); }
  double score(std::span<const Answer> rows, int token, float alpha) const override {
    if (alpha > 0 && !plausible(rows[0].logits, token, alpha)) return kMasked;
    return -nll(rows[0].logits, token);
  }
  std::vector<int> likeliest(std::span<const Answer> rows, size_t n) const override {
    return best_tokens(rows[0].logits, n);
  }

 private:
  std::vector<Stream> streams_;
  std::vector<int> pending_;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<Method> standard(const MethodOptions& options, const MethodModels& models) {
  return std::make_unique<Standard>(main_stream(options, models));
}

}  // namespace rouse
