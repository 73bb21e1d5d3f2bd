/// model/arch/glm4moe.cpp - GLM-4.5, 4.6 and Air (arXiv:2508.06471): sigmoid gates with a selection bias,
/// shared experts, half of each head turns; the largest normalises its heads.
#include "model/arch/families.h"

namespace rouse {

ModelSpec glm4moe(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  leave_out_nextn(keys, spec);
  read_text_sections(keys);
  spec.rope.order = RopeOrder::neox;
  if (keys.file().tensor("blk.0.attn_q_norm.weight")) spec.attention.qk_norm = QkNorm::head;
  spec.ffn_norm = "post_attention_norm";
  spec.selection_bias = true;
  read_gate(keys, spec, Gate::sigmoid);
  read_weights(keys, spec, false);
  read_groups(keys, spec);
  read_shared_experts(keys, spec);
  return spec;
}

}  // namespace rouse
