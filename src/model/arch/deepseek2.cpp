/// model/arch/deepseek2.cpp - DeepSeek-V2-Lite, V2 (arXiv:2405.04434) and V3 (arXiv:2412.19437), and what is
/// built like them (GLM-4.7-Flash, Kimi-K2): latent attention; shared experts; a token may use experts of a
/// few groups only.
#include <cmath>

#include "base/error.h"
#include "model/arch/families.h"

namespace rouse {

static void read_latent(const Keys& keys, ModelSpec& spec) {
  const std::string& path = keys.file().path();
  AttentionSpec& a = spec.attention;
  LatentSpec& l = a.latent;
  l.n_lora_kv = keys.integer("attention.kv_lora_rank", 1, 1 << 16);
  l.n_lora_q = keys.integer_or("attention.q_lora_rank", 0, 0, 1 << 16);
  l.n_embd_rope = keys.integer("rope.dimension_count", 2, 1 << 14);
  l.absorbed = keys.has("attention.key_length_mla");
  const char* key = l.absorbed ? "attention.key_length_mla" : "attention.key_length";
  const int n_embd_key = keys.integer(key, 1, 1 << 14);
  require_model(n_embd_key > l.n_embd_rope, path, ": key ", keys.prefix(), key, " is ", n_embd_key,
                ", expected more than the ", l.n_embd_rope, " dimensions that turn");
  l.n_embd_nope = n_embd_key - l.n_embd_rope;
  l.n_embd_value =
      keys.integer(l.absorbed ? "attention.value_length_mla" : "attention.value_length", 1, 1 << 14);
  if (l.absorbed) {
    a.n_head_kv = 1;
    a.n_embd_head = l.n_lora_kv + l.n_embd_rope;
    a.n_embd_head_v = l.n_lora_kv;
  } else {
    a.n_head_kv = a.n_head;
    a.n_embd_head = n_embd_key;
    a.n_embd_head_v = l.n_embd_value;
  }
  a.scale = 1.0f / std::sqrt(static_cast<float>(n_embd_key));
}

/// DeepSeek files carry a multiplier: then YaRN's attention factor, mscale / mscale_all_dim, is 1, and works
/// on the logits instead, squared: once for the query, once for the key.
static void read_scaling(const Keys& keys, ModelSpec& spec) {
  const float multiplier = keys.real_or("rope.scaling.yarn_log_multiplier", 0.0);
  // Outside YaRN llama.cpp scales logits by numbers that no published model of this family has.
  if (spec.rope.scaling == "linear")
    keys.refuse("rope.scaling.factor", cat(spec.rope.factor,
                                           " with linear scaling, expected none or yarn with "
                                           "latent attention"));
  const float said = keys.real_or("rope.scaling.attn_factor", 1.0);
  if (said != 1) keys.refuse("rope.scaling.attn_factor", cat(said, ", expected 1 with latent attention"));
  if (spec.rope.scaling == "yarn" && spec.rope.factor > 1 && multiplier != 0) {
    const float factor = 1.0f + multiplier * std::log(spec.rope.factor);
    spec.attention.scale *= factor * factor;
    spec.rope.magnitude = 1.0f;
  }
  AttentionSpec& a = spec.attention;
  a.temperature = keys.real_or("attention.temperature_scale", 0.0);
  a.temperature_length = keys.integer_or("attention.temperature_length", 0, 0, 1 << 30);
  if (a.temperature != 0 && a.temperature_length == 0)
    keys.refuse("attention.temperature_scale",
                cat(a.temperature, ", but there is no attention.temperature_length"));
}

ModelSpec deepseek2(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  leave_out_nextn(keys, spec);
  spec.rope.order = RopeOrder::norm;
  read_latent(keys, spec);
  read_scaling(keys, spec);
  spec.selection_bias = true;
  read_shared_experts(keys, spec);
  // Early files do not say; of these, GLM-4.7-Flash alone, known by its shape, has sigmoid gates.
  const bool glm = (spec.n_layer == 47 || spec.n_layer == 48) && spec.n_vocab == 154880;
  read_gate(keys, spec, glm ? Gate::sigmoid : Gate::softmax);
  read_weights(keys, spec, false);
  read_groups(keys, spec);
  return spec;
}

}  // namespace rouse
