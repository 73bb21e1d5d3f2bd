/// decoding/standard.cpp - the model's own logits: greedy search, or sampling when the temperature is above
/// 0.
#include "decoding/methods.h"

namespace rouse {
namespace {

class Standard final : public Method {
 public:
  explicit Standard(RoutingPolicy policy) : streams_{std::move(policy)} {}
  const std::vector<RoutingPolicy>& streams() const override { return streams_; }
  void append(std::span<const int> tokens) override { pending_.assign(tokens.begin(), tokens.end()); }
  std::vector<Ask> ask() override {
    const bool prompt = !started_;
    started_ = true;
    return {{0, std::move(pending_), Output::logits, prompt}};
  }
  bool answer(std::span<const Answer> answers, std::vector<float>& scores) override {
    scores.assign(answers[0].logits.begin(), answers[0].logits.end());
    return true;
  }

 private:
  std::vector<RoutingPolicy> streams_;
  std::vector<int> pending_;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<Method> standard(const MethodOptions& options, const RouterSpec& router, bool) {
  return std::make_unique<Standard>(RoutingPolicy(options.routing, router));
}

}  // namespace rouse
