/// model/arch/llama.cpp - Llama and its relatives under GGUF's `llama`: dense (Llama, SmolLM2, Mistral) and
/// Mixtral (arXiv:2401.04088): softmax over all experts, the chosen ones renormalised, no shared expert.
#include "model/arch/families.h"

namespace rouse {

ModelSpec llama(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::norm;
  spec.router.renormalize = true;
  return spec;
}

}  // namespace rouse
