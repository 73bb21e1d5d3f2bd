#include "routing/route.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "routing/steer.h"

namespace rouse {

void router_gates(const RouterSpec& router, std::span<const float> logits, std::span<float> gate) {
  if (router.gate == Gate::sigmoid) {
    for (size_t e = 0; e < logits.size(); ++e) gate[e] = 1.0f / (1.0f + std::exp(-logits[e]));
    return;
  }
  const float largest = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (size_t e = 0; e < logits.size(); ++e) sum += gate[e] = std::exp(logits[e] - largest);
  for (float& g : gate) g /= sum;
}

/// Removes the experts of all but the best groups.
static void limit_groups(const RouterSpec& router, std::vector<float>& score) {
  const size_t size = static_cast<size_t>(router.n_expert / router.n_group);
  std::vector<std::pair<float, int>> groups;
  for (int g = 0; g < router.n_group; ++g) {
    const auto begin = score.begin() + static_cast<std::ptrdiff_t>(g * size);
    const auto end = begin + static_cast<std::ptrdiff_t>(size);
    const auto best = std::max_element(begin, end);
    float value = *best;
    if (router.group_score == GroupScore::best_two) {
      float second = -INFINITY;
      for (auto it = begin; it != end; ++it)
        if (it != best) second = std::max(second, *it);
      if (second != -INFINITY) value += second;  // a mask may leave one alone
    }
    groups.emplace_back(-value, g);
  }
  std::sort(groups.begin(), groups.end());
  for (size_t i = static_cast<size_t>(router.n_group_used); i < groups.size(); ++i) {
    const auto begin = score.begin() + static_cast<std::ptrdiff_t>(groups[i].second * size);
    std::fill(begin, begin + static_cast<std::ptrdiff_t>(size), -INFINITY);
  }
}

/// H of one row, `bias` added; -inf where an expert cannot be chosen.
static void score_row(const RoutingPolicy& policy, int layer, std::span<const float> model_bias,
                      std::span<const float> bias, RouteScratch& s) {
  s.score = s.gate;
  if (!model_bias.empty())
    for (size_t e = 0; e < s.score.size(); ++e) s.score[e] += model_bias[e];
  if (!bias.empty())
    for (size_t e = 0; e < s.score.size(); ++e) s.score[e] += bias[e];
  if (policy.has_mask())
    for (size_t e = 0; e < s.score.size(); ++e)
      if (policy.masked(layer, static_cast<int>(e))) s.score[e] = -INFINITY;
  if (policy.router().n_group > 1) limit_groups(policy.router(), s.score);
}

/// Every selectable expert, and in `order` the best `depth` of them.
static void rank_row(std::span<const float> score, size_t depth, std::vector<int>& selectable,
                     std::vector<int>& order) {
  selectable.clear();
  for (size_t e = 0; e < score.size(); ++e)
    if (score[e] != -INFINITY) selectable.push_back(static_cast<int>(e));
  order = selectable;
  depth = std::min(depth, order.size());
  const auto better = [&](int a, int b) {
    const float ha = score[static_cast<size_t>(a)], hb = score[static_cast<size_t>(b)];
    return ha > hb || (ha == hb && a < b);
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(depth), order.end(), better);
  order.resize(depth);
}

/// The model's rule over the chosen experts. Those of `anchor` share a weight of 1.
static void weigh(const RoutingPolicy& policy, std::span<const int> ids, std::span<const int> anchor,
                  const RouteScratch& s, std::span<float> weights) {
  const RouterSpec& router = policy.router();
  if (policy.choice().unit_weight()) {
    std::fill_n(weights.begin(), ids.size(), 1.0f);
    return;
  }
  const bool softmax = router.renormalize && router.gate == Gate::softmax;
  float largest = -INFINITY, sum = 0;
  if (softmax)
    for (const int id : anchor) largest = std::max(largest, s.logits[static_cast<size_t>(id)]);
  const auto share = [&](int id) {
    const auto e = static_cast<size_t>(id);
    return softmax ? std::exp(s.logits[e] - largest) : s.gate[e];
  };
  for (const int id : anchor) sum += share(id);
  for (size_t i = 0; i < ids.size(); ++i)
    weights[i] = (router.renormalize ? share(ids[i]) / sum : share(ids[i])) * router.scale;
}

/// The same over gates that the choice brings.
static void weigh_given(const RouterSpec& router, std::span<const float> gates, std::span<float> weights) {
  float sum = 0;
  for (const float g : gates) sum += g;
  for (size_t i = 0; i < gates.size(); ++i)
    weights[i] = (router.renormalize ? gates[i] / sum : gates[i]) * router.scale;
}

int route_row(const RoutingPolicy& policy, int layer, int64_t position, std::span<const float> logits,
              std::span<const float> model_bias, std::span<int> ids, std::span<float> weights,
              RouteScratch& s) {
  const Choice& choice = policy.choice();
  const auto unsound = [](float x) { return !(x < INFINITY); };  // NaN too; -inf is a mask
  if (std::any_of(logits.begin(), logits.end(), unsound)) return 0;
  s.logits.assign(logits.begin(), logits.end());
  if (policy.steering()) policy.steering()->apply(layer, s.logits);
  if (policy.has_mask())
    for (size_t e = 0; e < s.logits.size(); ++e)
      if (policy.masked(layer, static_cast<int>(e))) s.logits[e] = -INFINITY;
  s.gate.resize(s.logits.size());
  router_gates(policy.router(), s.logits, s.gate);
  const auto no_order = [&] {
    return std::any_of(s.score.begin(), s.score.end(), [](float x) { return std::isnan(x); });
  };
  const bool anchored = choice.anchored() && policy.router().renormalize;
  if (anchored) {
    score_row(policy, layer, model_bias, {}, s);
    if (no_order()) return 0;
    rank_row(s.score, static_cast<size_t>(policy.router().n_expert_used), s.selectable, s.trained);
  }
  score_row(policy, layer, model_bias, choice.bias(layer), s);
  if (policy.has_force())
    for (size_t e = 0; e < s.score.size(); ++e)
      if (policy.forced(layer, static_cast<int>(e))) s.score[e] = INFINITY;
  if (no_order()) return 0;
  rank_row(s.score, static_cast<size_t>(choice.depth(layer)), s.selectable, s.order);
  assert(!s.selectable.empty());  // RoutingPolicy refuses a mask that leaves nobody
  const RouterRow row{layer, position, s.gate, s.order, s.selectable};
  const int count = choice.choose(row, ids);
  assert(count >= 1 && count <= choice.max_count(layer));
  const auto chosen_ids = ids.first(static_cast<size_t>(count));
  if (const auto given = choice.gates(row); !given.empty())
    weigh_given(policy.router(), given, weights);
  else
    weigh(policy, chosen_ids, anchored ? std::span<const int>(s.trained) : chosen_ids, s, weights);
  const auto chosen = weights.first(static_cast<size_t>(count));
  return std::all_of(chosen.begin(), chosen.end(), [](float w) { return std::isfinite(w); }) ? count : 0;
}

}  // namespace rouse
