/// model/arch/olmoe.cpp - OLMoE-1B-7B (arXiv:2409.02060): 64 experts, top-8, no shared expert.
#include "model/arch/families.h"

namespace rouse {

ModelSpec olmoe(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::projection;  // RMSNorm across all heads, before they are split
  spec.router.renormalize = false;              // the 8 chosen gates keep their softmax values
  return spec;
}

}  // namespace rouse
