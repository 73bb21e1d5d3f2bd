/// model/arch/deepseek.cpp - DeepSeekMoE-16B (arXiv:2401.06066): fine-grained experts beside shared ones, the
/// first layers dense, the chosen gates keep their softmax value.
#include "model/arch/families.h"

namespace rouse {

ModelSpec deepseek(const Keys& keys) {
  ModelSpec spec = common_spec(keys, "deepseek");
  spec.rope.order = RopeOrder::norm;
  spec.router.renormalize = false;
  spec.router.scale = scale_or_one(keys, "expert_weights_scale");
  spec.n_leading_dense = keys.integer_or("leading_dense_block_count", 0, 0, spec.n_layer);
  spec.n_ff_shared = keys.integer_or("expert_shared_count", 0, 0, 64) * spec.n_ff_expert;
  return spec;
}

}  // namespace rouse
