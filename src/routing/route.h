/// routing/route.h - from one row's router logits to its experts and their weights.
#pragma once

#include <span>
#include <vector>

#include "routing/policy.h"

namespace rouse {

/// Scratch space of one thread, reused from row to row.
struct RouteScratch {
  std::vector<float> logits, gate, score;
  std::vector<int> selectable, order, trained;
};

/// One MoE layer's routing of one row.
///   r = logits, steered where the policy says so; G = gate(r), masked experts removed before the softmax so
///   that their share goes to the others; H = G + model_bias + policy bias, -inf outside the groups the model
///   allows; ties go to the lower id; w = the model's own rule over G of the chosen, times its scale; or
///   anchored, G over the sum of the gates that the model's own rule would choose (its k best by G +
///   model_bias).
/// logits [n_expert]; model_bias [n_expert] or empty; ids and weights [max_count(layer)].
/// Returns how many experts were chosen, at least 1; 0 where a logit is NaN or +inf, or a score or a weight
/// is not a number: such a row has no choice. Softmax gates renormalise as a softmax over the chosen logits,
/// unclamped, so that a single expert weighs exactly 1 (libllama clamps the sum at 6e-5).
int route_row(const RoutingPolicy& policy, int layer, int64_t position, std::span<const float> logits,
              std::span<const float> model_bias, std::span<int> ids, std::span<float> weights,
              RouteScratch& scratch);

/// The gates of one row, for traces: gate(r) with nothing masked. gate [n_expert].
void router_gates(const RouterSpec& router, std::span<const float> logits, std::span<float> gate);

}  // namespace rouse
