#include "routing/steer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/quoting.h"
#include "base/text.h"
#include "routing/arguments.h"
#include "routing/files.h"

namespace rouse {

static constexpr float kEpsilon = 0.01f;  // the authors' code

std::vector<SteeredExpert> steered_experts(const SteerFile& file, int n) {
  std::vector<SteeredExpert> all, out;
  for (size_t l = 0; l < file.layers.size(); ++l)
    for (size_t e = 0; e < file.difference[l].size(); ++e)
      if (std::abs(file.difference[l][e]) > 0)  // not of NaN
        all.push_back({file.layers[l], static_cast<int>(e), file.difference[l][e]});
  std::stable_sort(all.begin(), all.end(), [](const SteeredExpert& a, const SteeredExpert& b) {
    return std::abs(a.difference) > std::abs(b.difference);
  });
  std::vector<int> promoted(file.layers.size());
  for (const SteeredExpert& s : all) {
    if (static_cast<int>(out.size()) == n) break;
    if (s.difference > 0 && ++promoted[layer_index(file.layers, s.layer)] > file.k) continue;
    out.push_back(s);
  }
  return out;
}

Steering::Steering(const std::string& text, const RouterSpec& router, const RoutingFiles& files) {
  Arguments arguments("steer", text);
  path_ = arguments.leading();
  require_usage(!path_.empty(), "policy steer: expected +steer:FILE, a file written by `rouse steer fit`");
  const auto n = arguments.integer("n");
  require_usage(!n || (*n >= 1 && *n <= 1 << 22), "policy steer: n is ", n.value_or(0),
                ", expected at least 1");
  n_ = static_cast<int>(n.value_or(n_));
  strength_ = arguments.number("strength").value_or(strength_);
  require_usage(std::abs(strength_) <= 1, "policy steer: strength is ", strength_,
                ", expected a number in [-1, 1]");
  any_quant_ = arguments.flag("any-quant");
  arguments.finish();
  file_ = files.steer(path_);
  require_file(file_->layers == router.layers && file_->n_expert == router.n_expert &&
                   file_->k == router.n_expert_used,
               path_, ": is for ", file_->layers.size(), " MoE layers of ", file_->n_expert, " experts, top-",
               file_->k, "; the model has ", router.layers.size(), " of ", router.n_expert, ", top-",
               router.n_expert_used);
  if (!any_quant_ && router.fingerprint) {
    const std::string fingerprint = router.fingerprint();
    require_file(file_->fingerprint == fingerprint, path_, ": was made for another file (fingerprint ",
                 file_->fingerprint.substr(0, 12), ", this model has ", fingerprint.substr(0, 12),
                 "); for another quantisation of the same model add ,any-quant");
  }
  pushed_.resize(router.layers.size());
  for (const SteeredExpert& s : steered_experts(*file_, n_))
    pushed_[layer_index(router.layers, s.layer)].emplace_back(s.expert, s.difference > 0);
}

std::string Steering::text() const {
  return cat(quote(path_), ",n=", n_, ",strength=", number_text(strength_), any_quant_ ? ",any-quant" : "");
}

uint64_t Steering::content_hash() const {
  return hash_text(steer_text(*file_));
}

void Steering::apply(int layer, std::span<float> logits) const {
  const auto& pushed = pushed_[layer_index(file_->layers, layer)];
  if (pushed.empty() || strength_ == 0) return;
  float least = INFINITY, most = -INFINITY;
  for (const float r : logits) {
    if (r == -INFINITY) continue;  // a mask
    least = std::min(least, r), most = std::max(most, r);
  }
  for (const auto& [expert, upwards] : pushed) {
    float& r = logits[static_cast<size_t>(expert)];
    const float target = upwards == (strength_ > 0) ? most + kEpsilon : least - kEpsilon;
    const auto share = static_cast<float>(std::abs(strength_));
    if (r != -INFINITY) r = (1 - share) * r + share * target;  // at 1 the target itself: ties stay ties
  }
}

}  // namespace rouse
