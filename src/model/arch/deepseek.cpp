/// model/arch/deepseek.cpp - DeepSeekMoE-16B (arXiv:2401.06066): fine-grained experts beside shared ones, the
/// first layers dense, the chosen gates keep their softmax value.
#include "model/arch/families.h"

namespace rouse {

ModelSpec deepseek(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::norm;
  spec.router.renormalize = false;
  spec.router.scale = scale_or_one(keys, "expert_weights_scale");
  read_shared_experts(keys, spec);
  return spec;
}

}  // namespace rouse
