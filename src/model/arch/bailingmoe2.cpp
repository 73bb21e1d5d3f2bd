/// model/arch/bailingmoe2.cpp - Ling 2.0 and Ring 2.0 (arXiv:2510.22115): sigmoid gates with a selection
/// bias, groups scored by their two best experts, shared experts, every head normalised, queries, keys and
/// values in one matrix.
#include "model/arch/families.h"

namespace rouse {

ModelSpec bailingmoe2(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  leave_out_nextn(keys, spec);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::head;
  spec.attention.fused_qkv = true;
  spec.selection_bias = true;
  read_gate(keys, spec, Gate::sigmoid);
  read_weights(keys, spec, false);
  read_groups(keys, spec);
  spec.n_leading_dense = keys.integer_or("leading_dense_block_count", 0, 0, spec.n_layer);
  const int width = keys.integer_or("expert_shared_feed_forward_length", 0, 0, 1 << 24);
  spec.n_ff_shared = keys.integer_or("expert_shared_count", 0, 0, 64) * (width ? width : spec.n_ff_expert);
  return spec;
}

}  // namespace rouse
