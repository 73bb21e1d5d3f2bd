/// model/arch/qwen3vlmoe.cpp - the text half of Qwen3-VL-30B-A3B and larger (arXiv:2511.21631): Qwen3-MoE
/// whose positions come in sections, which are alike in a text.
#include "model/arch/families.h"

namespace rouse {

ModelSpec qwen3vlmoe(const Keys& keys) {
  ModelSpec spec = common_spec(keys, "qwen3vlmoe");
  read_text_sections(keys);
  keys.integer_or("n_deepstack_layers", 0, 0, 1 << 10);  // where features of pictures enter; texts have none
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::head;
  spec.router.renormalize = true;
  if (!keys.has("expert_feed_forward_length") && spec.router.n_expert_used > 0)
    spec.n_ff_expert = spec.n_ff / spec.router.n_expert_used;
  return spec;
}

}  // namespace rouse
