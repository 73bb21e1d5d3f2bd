#include "decoding/two_stream.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/statistics.h"
#include "decoding/contrast.h"

namespace rouse {

static constexpr int kStrong = 0, kWeak = 1;

TwoStream::TwoStream(const MethodOptions& o, const MethodModels& models, Stream strong, Stream weak)
    : options_(o),
      automatic_(o.execution == "auto"),
      accelerated_(models.accelerated),
      hidden_(models.abilities.hidden),
      simulated_(o.simulate_weak_needed) {
  require_option(o.alpha > 0 && o.alpha <= 1, "alpha", " is ", o.alpha, ", expected a number in (0, 1]");
  // Bounds far beyond any use, within which a contrast of finite logits stays finite.
  require_option(o.beta >= 0 && o.beta <= 1e6f, "beta", " is ", o.beta, ", expected a number in [0, 1e6]");
  for (const auto& [name, t] : {std::pair{"strong_temp", o.strong_temp}, {"weak_temp", o.weak_temp}})
    require_option(t >= 1e-3f && t <= 1e3f, name, " is ", t, ", expected a number in [0.001, 1000]");
  const auto& e = o.execution;
  require_option(e == "plain" || e == "fused" || e == "lazy" || e == "auto", "exec", " is \"", e,
                 "\", expected plain, fused, lazy or auto");
  execution_ = e == "plain" ? Execution::plain : e == "fused" ? Execution::fused : Execution::lazy;
  streams_.push_back(std::move(strong));
  streams_.push_back(std::move(weak));
}

void TwoStream::append(std::span<const int> tokens) {
  strong_pending_.assign(tokens.begin(), tokens.end());
  weak_pending_.insert(weak_pending_.end(), tokens.begin(), tokens.end());
  waiting_for_weak_ = false;
}

Asks TwoStream::ask(const TokenFilter&) {
  if (!weak_row_.empty()) return {{}, {{.stream = kWeak, .rows = weak_row_, .tokens = plausible_}}};
  std::vector<Ask> asks;
  bool fused = execution_ == Execution::fused;
  if (!waiting_for_weak_) {
    if (automatic_) {
      fused = accelerated_ || needed_.count() > needed_.size() / 2 || (eager_prompt_ && prompt_[kWeak]);
      execution_ = fused ? Execution::fused : Execution::lazy;
    }
    asks.push_back({.stream = kStrong,
                    .tokens = std::move(strong_pending_),
                    .output = Output::logits,
                    .prompt = prompt_[kStrong]});
    prompt_[kStrong] = false;
  }
  if (waiting_for_weak_ || fused) {
    asks.push_back({.stream = kWeak,
                    .tokens = std::move(weak_pending_),
                    .output = execution_ == Execution::plain || !hidden_ ? Output::logits : Output::hidden,
                    .prompt = prompt_[kWeak]});
    weak_pending_.clear();
    prompt_[kWeak] = false;
  }
  return {asks};
}

/// weak: logits of the plausible tokens.
bool TwoStream::contrast_with(std::vector<float> weak, std::vector<float>& scores) const {
  for (float& v : weak) v /= options_.weak_temp;
  scores.resize(strong_.size());
  contrast(strong_, plausible_, weak, options_.beta, scores);
  return true;
}

bool TwoStream::answer(std::span<const Answer> answers, const TokenFilter& filter,
                       std::vector<float>& scores) {
  if (!weak_row_.empty()) {
    weak_row_.clear();
    return contrast_with({answers[0].logits.begin(), answers[0].logits.end()}, scores);
  }
  if (!waiting_for_weak_) {
    strong_.assign(answers[kStrong].logits.begin(), answers[kStrong].logits.end());
    for (float& v : strong_) v /= options_.strong_temp;
    filter.apply(strong_);  // before V is formed: it must not consist of a token that may not come
    plausible_ = plausible_tokens(strong_, options_.alpha);
    bool needs_weak = plausible_.size() > 1;
    if (simulated_.on()) {
      needs_weak = simulated_.next();
      plausible_ = best_tokens(strong_, needs_weak ? 10 : 1);
    }
    needed_ = needed_ << 1;
    needed_[0] = needs_weak;
    if (!needs_weak && execution_ != Execution::plain) {
      scores.assign(strong_.size(), -INFINITY);
      for (const int token : plausible_)
        scores[static_cast<size_t>(token)] = strong_[static_cast<size_t>(token)];
      return true;
    }
    if (execution_ != Execution::fused) {
      waiting_for_weak_ = true;
      return false;
    }
  }
  const Answer& from_weak = answers.back();
  if (from_weak.logits.empty()) {
    weak_row_.assign(from_weak.hidden.begin(), from_weak.hidden.end());
    return false;
  }
  std::vector<float> weak;
  for (const int token : plausible_) weak.push_back(from_weak.logits[static_cast<size_t>(token)]);
  return contrast_with(std::move(weak), scores);
}

/// The contrast over the plausible tokens, -inf elsewhere.
std::vector<float> TwoStream::contrasted(std::span<const Answer> rows, float alpha) const {
  std::vector<float> strong(rows[kStrong].logits.begin(), rows[kStrong].logits.end());
  for (float& v : strong) v /= options_.strong_temp;
  const std::vector<int> kept = plausible_tokens(strong, alpha);
  std::vector<float> weak, z(strong.size());
  for (const int v : kept) weak.push_back(rows[kWeak].logits[static_cast<size_t>(v)] / options_.weak_temp);
  contrast(strong, kept, weak, options_.beta, z);
  return z;
}

double TwoStream::score(std::span<const Answer> rows, int token, float alpha) const {
  const std::vector<float> z = contrasted(rows, alpha);
  return alpha > 0 && z[static_cast<size_t>(token)] == -INFINITY ? kMasked : -nll(z, token);
}

std::vector<int> TwoStream::likeliest(std::span<const Answer> rows, size_t n) const {
  return best_tokens(contrasted(rows, 0), n);
}

}  // namespace rouse
