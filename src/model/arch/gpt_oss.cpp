/// model/arch/gpt_oss.cpp - GPT-OSS-20B and 120B (arXiv:2508.10925): every second layer sees a window of 128,
/// a learned sink a head takes part in the softmax, biases everywhere, a clamped SwiGLU.
#include "model/arch/families.h"

namespace rouse {

ModelSpec gpt_oss(const Keys& keys) {
  ModelSpec spec = common_spec(keys, "gpt-oss");
  spec.rope = read_rope(keys, spec.attention.n_embd_head, /*truncate=*/false);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qkv_bias = spec.attention.output_bias = true;
  spec.attention.sinks = true;
  spec.attention.window = keys.integer("attention.sliding_window", 1, 1 << 30);
  spec.attention.window_period = 2;  // layers 0, 2, 4, ... are windowed
  // softmax over the chosen logits = softmax over all, renormalised over the chosen: one path
  spec.router.renormalize = true;
  spec.expert_bias = true;
  spec.activation = Activation::swiglu_oai;
  spec.ffn_norm = "post_attention_norm";
  return spec;
}

}  // namespace rouse
