/// model/arch/hunyuan_moe.cpp - Hunyuan-A13B: softmax gates renormalised beside one shared expert of the same
/// width; queries and keys turn before they are normalised.
#include "model/arch/families.h"

namespace rouse {

ModelSpec hunyuan_moe(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::head;
  spec.attention.norm_after_rope = true;
  spec.router.renormalize = true;
  spec.n_ff_expert = spec.n_ff;
  const int shared = keys.integer_or("expert_shared_feed_forward_length", 0, 0, 1 << 24);
  spec.n_ff_shared = shared ? shared : spec.n_ff;
  return spec;
}

}  // namespace rouse
