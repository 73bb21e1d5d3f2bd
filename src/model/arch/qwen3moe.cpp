/// model/arch/qwen3moe.cpp - Qwen3-30B-A3B and larger (arXiv:2505.09388): 128 experts, top-8 renormalised, no
/// shared expert; every head normalised, its size independent of the model's width.
#include "model/arch/families.h"

namespace rouse {

ModelSpec qwen3moe(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::head;
  spec.router.renormalize = true;
  if (!keys.has("expert_feed_forward_length") && spec.router.n_expert_used > 0)
    spec.n_ff_expert = spec.n_ff / spec.router.n_expert_used;
  return spec;
}

}  // namespace rouse
