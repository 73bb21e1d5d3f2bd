/// model/arch/dots1.cpp - dots.llm1 (arXiv:2506.05767): DeepSeek-V3's experts, sigmoid gates and selection
/// bias, under plain attention with every head normalised.
#include "model/arch/families.h"

namespace rouse {

ModelSpec dots1(const Keys& keys) {
  ModelSpec spec = common_spec(keys, "dots1");
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::head;
  spec.selection_bias = true;
  read_gate(keys, spec, Gate::sigmoid);
  read_weights(keys, spec, false);
  read_groups(keys, spec);
  spec.n_leading_dense = keys.integer_or("leading_dense_block_count", 0, 0, spec.n_layer);
  spec.n_ff_shared = keys.integer_or("expert_shared_count", 0, 0, 64) * spec.n_ff_expert;
  return spec;
}

}  // namespace rouse
