/// model/arch/dots1.cpp - dots.llm1 (arXiv:2506.05767): DeepSeek-V3's experts, sigmoid gates and selection
/// bias, under plain attention with every head normalised.
#include "model/arch/families.h"

namespace rouse {

ModelSpec dots1(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::head;
  spec.selection_bias = true;
  read_gate(keys, spec, Gate::sigmoid);
  read_weights(keys, spec, false);
  read_groups(keys, spec);
  read_shared_experts(keys, spec);
  return spec;
}

}  // namespace rouse
