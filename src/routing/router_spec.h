/// routing/router_spec.h - what a model's routers do, as data: everything a policy needs to know of a model.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace rouse {

enum class Gate { softmax, sigmoid };
/// How a group of experts is scored: by its best expert (DeepSeek-V2) or the sum of its two best (V3).
enum class GroupScore { best, best_two };

/// The routers of one model. Layers are named by block number everywhere.
struct RouterSpec {
  int n_expert = 0;       ///< E, experts a layer; 0 for a dense model
  int n_expert_used = 0;  ///< k, chosen by the trained rule
  Gate gate = Gate::softmax;
  bool renormalize =
      true;  ///< the chosen gates are made to sum to 1 (Mixtral); else they keep their value (DeepSeekMoE)
  float scale = 1.0f;    ///< multiplies the weights after that
  int n_group = 1;       ///< experts come in groups of equal size...
  int n_group_used = 1;  ///< ...of which only the best-scored may be chosen from
  GroupScore group_score = GroupScore::best;
  std::vector<int> layers;                   ///< block numbers of the MoE layers, ascending
  std::string why_not;                       ///< why experts that are there cannot be routed; or empty
  std::function<std::string()> fingerprint;  ///< identity of the weights, computed when asked; may be empty

  bool moe() const { return n_expert > 0 && !layers.empty(); }
  int n_selectable() const { return n_expert / n_group * n_group_used; }
  /// The weak routing of SCMoE's paper for such a model: rank-2 for Mixtral's top-2, top-1 for DeepSeekMoE's
  /// top-6 (arXiv:2405.14507, section 4 and table 10). Ranks of more than 2 were never published.
  std::string published_weak() const {
    return n_expert_used <= 2 ? "rank:" + std::to_string(n_expert_used) : "topk:1";
  }
};

/// Where block `layer` stands among the MoE layers; layers ascending.
inline size_t layer_index(const std::vector<int>& layers, int layer) {
  return static_cast<size_t>(std::lower_bound(layers.begin(), layers.end(), layer) - layers.begin());
}

}  // namespace rouse
