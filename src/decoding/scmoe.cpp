/// decoding/scmoe.cpp - SCMoE (arXiv:2405.14507): the model's strong routing against a weak routing of
/// itself.
///
/// Two streams, each with its own KV cache from the prompt on. The choice needs the weak logits only where
/// more than one token is plausible, and then only those of the plausible tokens; so three executions give
/// the same tokens:
///   plain  two full passes a step
///   fused  both rows in one graph: attention, shared weights and experts that both chose are read once
///   lazy   weak rows wait until their logits are needed, then run in one batch
///   auto   fused where weights lie on a GPU (bandwidth binds: the second row is nearly free); on a CPU
///   (arithmetic
///          binds) lazy, but fused while more than half of the last 32 steps needed the weak logits
#include <algorithm>
#include <bitset>
#include <cmath>

#include "base/error.h"
#include "decoding/contrast.h"
#include "decoding/methods.h"

namespace rouse {
namespace {

enum class Execution { plain, fused, lazy };
constexpr int kStrong = 0, kWeak = 1;

class Scmoe final : public Method {
 public:
  Scmoe(const MethodOptions& options, const RouterSpec& router, bool accelerated)
      : options_(options), automatic_(options.execution == "auto"), accelerated_(accelerated) {
    streams_.emplace_back(options.routing, router);
    streams_.emplace_back(default_weak(options, router), router);
    execution_ = options.execution == "plain"   ? Execution::plain
                 : options.execution == "fused" ? Execution::fused
                                                : Execution::lazy;
  }
  const std::vector<RoutingPolicy>& streams() const override { return streams_; }

  void append(std::span<const int> tokens) override {
    strong_pending_.assign(tokens.begin(), tokens.end());
    weak_pending_.insert(weak_pending_.end(), tokens.begin(), tokens.end());
    waiting_for_weak_ = false;
  }

  std::vector<Ask> ask() override {
    std::vector<Ask> asks;
    if (!waiting_for_weak_) {
      if (automatic_)
        execution_ =
            accelerated_ || needed_.count() > needed_.size() / 2 ? Execution::fused : Execution::lazy;
      asks.push_back({kStrong, std::move(strong_pending_), Output::logits, prompt_[kStrong]});
      prompt_[kStrong] = false;
    }
    if (waiting_for_weak_ || execution_ == Execution::fused) {
      const Output wanted = execution_ == Execution::plain ? Output::logits : Output::hidden;
      asks.push_back({kWeak, std::move(weak_pending_), wanted, prompt_[kWeak]});
      weak_pending_.clear();
      prompt_[kWeak] = false;
    }
    return asks;
  }

  bool answer(std::span<const Answer> answers, std::vector<float>& scores) override {
    if (!waiting_for_weak_) {
      strong_.assign(answers[kStrong].logits.begin(), answers[kStrong].logits.end());
      for (float& v : strong_) v /= options_.strong_temp;
      plausible_ = plausible_tokens(strong_, options_.alpha);
      bool needs_weak = plausible_.size() > 1;
      if (options_.simulate_weak_needed >= 0) needs_weak = simulate();
      needed_ = needed_ << 1;
      needed_[0] = needs_weak;
      if (!needs_weak && execution_ != Execution::plain) {
        scores.assign(strong_.size(), -INFINITY);
        scores[static_cast<size_t>(plausible_[0])] = strong_[static_cast<size_t>(plausible_[0])];
        return true;
      }
      if (execution_ != Execution::fused) {
        waiting_for_weak_ = true;
        return false;
      }
    }
    const Answer& from_weak = answers.back();
    std::vector<float> weak(plausible_.size());
    if (!from_weak.logits.empty())
      for (size_t i = 0; i < weak.size(); ++i) weak[i] = from_weak.logits[static_cast<size_t>(plausible_[i])];
    else
      from_weak.columns(plausible_, weak);
    for (float& v : weak) v /= options_.weak_temp;
    scores.resize(strong_.size());
    contrast(strong_, plausible_, weak, options_.beta, scores);
    return true;
  }

  /// The published default: rank-2 for top-2 Mixtral, that is, the last expert that strong routing chose.
  static std::string default_weak(const MethodOptions& options, const RouterSpec& router) {
    return options.weak.empty() ? cat("rank:", router.n_expert_used) : options.weak;
  }

 private:
  /// Random weights make flat logits, in which every step would need the weak stream; the bench sets the rate
  /// instead and keeps the ten best tokens. Evenly spread: step i needs it when the running total passes a
  /// whole number.
  bool simulate() {
    const double before = std::floor(step_ * options_.simulate_weak_needed);
    const bool needs = std::floor(++step_ * options_.simulate_weak_needed) > before;
    std::vector<int> order(strong_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    const size_t keep = std::min<size_t>(needs ? 10 : 1, order.size());
    std::partial_sort(
        order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep), order.end(),
        [&](int a, int b) { return strong_[static_cast<size_t>(a)] > strong_[static_cast<size_t>(b)]; });
    order.resize(keep);
    plausible_ = order;
    return needs;
  }

  MethodOptions options_;
  bool automatic_, accelerated_;
  Execution execution_;
  std::vector<RoutingPolicy> streams_;
  std::vector<int> strong_pending_, weak_pending_;
  bool prompt_[2] = {true, true};
  bool waiting_for_weak_ = false;
  std::vector<float> strong_;   ///< the strong logits of this step over their temperature
  std::vector<int> plausible_;  ///< V of this step
  std::bitset<32> needed_;      ///< whether the last steps needed the weak logits
  double step_ = 0;
};

}  // namespace

std::unique_ptr<Method> scmoe(const MethodOptions& options, const RouterSpec& router, bool accelerated) {
  require_usage(router.moe(),
                "scmoe contrasts two routings of a Mixture-of-Experts model; this model is dense");
  require_usage(options.alpha > 0 && options.alpha <= 1, "--alpha is ", options.alpha,
                ", expected a number in (0, 1]");
  require_usage(options.beta >= 0 && std::isfinite(options.beta), "--beta is ", options.beta,
                ", expected 0 or more");
  require_usage(options.strong_temp > 0 && options.weak_temp > 0,
                "--strong-temp and --weak-temp must be above 0");
  const auto& e = options.execution;
  require_usage(e == "plain" || e == "fused" || e == "lazy" || e == "auto", "--exec is \"", e,
                "\", expected plain, fused, lazy or auto");
  return std::make_unique<Scmoe>(options, router, accelerated);
}

std::string scmoe_text(const MethodOptions& o, const RouterSpec& router) {
  std::string out = cat("scmoe(weak=", RoutingPolicy(Scmoe::default_weak(o, router), router).text(),
                        ",alpha=", o.alpha, ",beta=", o.beta);
  if (o.strong_temp != 1 || o.weak_temp != 1)
    out += cat(",strong-temp=", o.strong_temp, ",weak-temp=", o.weak_temp);
  return out + ",exec=" + o.execution + ")";
}

}  // namespace rouse
