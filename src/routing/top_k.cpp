/// routing/top_k.cpp - the k experts with the highest score: the model's own rule; another k is ensemble
/// routing, whose weights may stay anchored at the trained k's.
#include "base/error.h"
#include "routing/arguments.h"
#include "routing/choices.h"

namespace rouse {
namespace {

class TopK final : public Choice {
 public:
  TopK(int k, bool anchored) : k_(k), anchored_(anchored) {}
  std::string text() const override {
    if (anchored_) return cat("topk:", k_ ? cat(k_) : "trained", ",anchored");
    return k_ ? cat("topk:", k_) : "topk";
  }
  void bind(const RouterSpec& router, const Mask&) override {
    require_usage(k_ >= 0 && k_ <= router.n_selectable(), "policy topk: k is ", k_, ", expected 1 to ",
                  router.n_selectable());
    count_ = k_ ? k_ : router.n_expert_used;
  }
  int max_count(int) const override { return count_; }
  bool anchored() const override { return anchored_; }
  int choose(const RouterRow& row, std::span<int> out) const override {
    std::copy_n(row.order.begin(), count_, out.begin());
    return count_;
  }

 private:
  int k_;  // 0: the model's own
  bool anchored_;
  int count_ = 0;
};

}  // namespace

std::unique_ptr<Choice> top_k(const std::string& text) {
  Arguments arguments("topk", text);
  int64_t k = 0;  // the model's own
  if (!arguments.leading().empty() && arguments.leading() != "trained") {
    k = *arguments.leading_integer();
    require_usage(k >= 1 && k <= 65536, "policy topk: k is ", k, ", expected at least 1");
  }
  const bool anchored = arguments.flag("anchored");
  arguments.finish();
  return std::make_unique<TopK>(static_cast<int>(k), anchored);
}

}  // namespace rouse
