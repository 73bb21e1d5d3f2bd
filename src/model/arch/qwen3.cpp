/// model/arch/qwen3.cpp - the dense Qwen3: every head normalised, no biases.
#include "model/arch/families.h"

namespace rouse {

ModelSpec qwen3(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::head;
  return spec;
}

}  // namespace rouse
