/// model/arch/ernie4_5_moe.cpp - ERNIE 4.5 (21B-A3B, 300B-A47B): softmax gates with a selection bias, weights
/// renormalised, shared experts, MoE in every n-th layer.
#include "model/arch/families.h"

namespace rouse {

ModelSpec ernie4_5_moe(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  read_text_sections(keys);
  spec.rope.order = RopeOrder::norm;
  spec.selection_bias = true;
  spec.router.renormalize = true;
  spec.n_leading_dense = keys.integer_or("leading_dense_block_count", 0, 0, spec.n_layer);
  spec.moe_step = keys.integer_or("interleave_moe_layer_step", 1, 1, spec.n_layer);
  spec.n_ff_shared = keys.integer_or("expert_shared_feed_forward_length", 0, 0, 1 << 24);
  return spec;
}

}  // namespace rouse
