/// routing/spec.h - what a model's routers do, as data: everything a policy needs to know of a model.
#pragma once

#include <vector>

namespace rouse {

enum class Gate { softmax, sigmoid };

/// The routers of one model. Layers are named by block number everywhere.
struct RouterSpec {
  int n_expert = 0;       ///< E, experts a layer; 0 for a dense model
  int n_expert_used = 0;  ///< k, chosen by the trained rule
  Gate gate = Gate::softmax;
  bool renormalize =
      true;  ///< the chosen gates are made to sum to 1 (Mixtral); else they keep their value (DeepSeekMoE)
  float scale = 1.0f;       ///< multiplies the weights after that
  int n_group = 1;          ///< experts come in groups of equal size...
  int n_group_used = 1;     ///< ...of which only the best-scored may be chosen from
  std::vector<int> layers;  ///< block numbers of the MoE layers, ascending

  bool moe() const { return n_expert > 0 && !layers.empty(); }
  int n_selectable() const { return n_expert / n_group * n_group_used; }
};

}  // namespace rouse
