/// model/arch/granitemoe.cpp - Granite 3 MoE (1B-A400M, 3B-A800M): Mixtral's routing with fixed multipliers
/// on embeddings, residuals, attention and logits.
#include "base/error.h"
#include "model/arch/families.h"

namespace rouse {

ModelSpec granitemoe(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::norm;
  spec.router.renormalize = true;
  spec.n_ff_shared = keys.integer_or("expert_shared_feed_forward_length", 0, 0, 1 << 24);
  spec.embedding_scale = scale_or_one(keys, "embedding_scale");
  spec.residual_scale = scale_or_one(keys, "residual_scale");
  spec.logit_scale = 1.0f / scale_or_one(keys, "logit_scale");  // the file's number divides
  const float scale = keys.real_or("attention.scale", 0.0);
  if (scale != 0.0f) spec.attention.scale = scale;
  return spec;
}

}  // namespace rouse
