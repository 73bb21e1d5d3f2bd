/// model/arch/qwen2.cpp - the dense Qwen1.5, Qwen2 and Qwen2.5: biases on queries, keys and values.
#include "model/arch/families.h"

namespace rouse {

ModelSpec qwen2(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qkv_bias = true;
  return spec;
}

}  // namespace rouse
