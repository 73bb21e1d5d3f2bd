/// model/arch/qwen2moe.cpp - Qwen1.5-MoE-A2.7B and Qwen2-57B-A14B (arXiv:2407.10671): fine-grained experts
/// with raw softmax weights beside one shared expert that a sigmoid of its own turns up and down.
#include "model/arch/families.h"

namespace rouse {

ModelSpec qwen2moe(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qkv_bias = true;
  spec.router.renormalize = false;
  if (!keys.has("expert_feed_forward_length") && spec.router.n_expert_used > 0)
    spec.n_ff_expert = spec.n_ff / spec.router.n_expert_used;  // early files
  spec.n_ff_shared = keys.integer_or("expert_shared_feed_forward_length", 0, 0, 1 << 24);
  if (spec.n_ff_shared == 0) spec.n_ff_shared = spec.n_ff;
  spec.shared_gate = true;
  return spec;
}

}  // namespace rouse
