/// model/arch/gpt_oss.cpp - GPT-OSS-20B and 120B (arXiv:2508.10925): every second layer sees a window of 128,
/// a learned sink a head takes part in the softmax, biases everywhere, a clamped SwiGLU.
#include "base/error.h"
#include "model/arch/families.h"

namespace rouse {

/// Windowed layers are like the others but for the window: other numbers for them are refused.
static void read_window(const Keys& keys, ModelSpec& spec) {
  AttentionSpec& a = spec.attention;
  a.window = keys.integer("attention.sliding_window", 1, 1 << 30);
  const std::string pattern = "attention.sliding_window_pattern";
  a.window_period = 2;  // layers 0, 2, 4, ... are windowed
  if (keys.file().array_type(keys.prefix() + pattern)) {
    const std::vector<int64_t> said = keys.file().integers(keys.prefix() + pattern);
    for (int layer = 0; layer < spec.n_layer; ++layer)
      if (static_cast<int>(said.size()) != spec.n_layer ||
          (said[static_cast<size_t>(layer)] != 0) != a.windowed(layer))
        keys.refuse(pattern, "another list than 1, 0, 1, 0, ... for every block");
  } else {
    a.window_period = keys.integer_or(pattern, 2, 0, 1 << 20);
  }
  keys.integer_or("attention.key_length_swa", a.n_embd_head, a.n_embd_head, a.n_embd_head);
  keys.integer_or("attention.value_length_swa", a.n_embd_head_v, a.n_embd_head_v, a.n_embd_head_v);
  keys.integer_or("rope.dimension_count_swa", spec.rope.n_rot, spec.rope.n_rot, spec.rope.n_rot);
  const float base = keys.real_or("rope.freq_base_swa", spec.rope.base);
  if (base != spec.rope.base) keys.refuse("rope.freq_base_swa", cat(base, ", expected ", spec.rope.base));
}

ModelSpec gpt_oss(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope = read_rope(keys, spec.attention.n_embd_head, /*truncate=*/false);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qkv_bias = spec.attention.output_bias = true;
  spec.attention.sinks = true;
  read_window(keys, spec);
  // softmax over the chosen logits = softmax over all, renormalised over the chosen: one path
  spec.router.renormalize = true;
  spec.expert_bias = true;
  spec.activation = Activation::swiglu_oai;
  spec.ffn_norm = "post_attention_norm";
  return spec;
}

}  // namespace rouse
