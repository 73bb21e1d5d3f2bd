#include "model/synth/shape.h"

#include "base/error.h"

namespace rouse {

// Small, for tests and experiments.
static const NamedShape kArchShapes[] = {
    {"llama", {}},
    {"deepseek",
     {.arch = "deepseek",
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .n_ff = 512,
      .n_shared = 2,
      .n_dense = 1}},
    {"deepseek2",
     {.arch = "deepseek2",
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .n_ff = 512,
      .n_shared = 1,
      .n_dense = 1,
      .n_group = 4,
      .n_group_used = 2,
      .n_lora_q = 64,
      .n_lora_kv = 64,
      .n_nope = 32,
      .n_rope = 32,
      .n_value = 32,
      .norm_eps = 1e-6f,
      .yarn_factor = 40,
      .n_ctx_original = 1024,
      .yarn_log_multiplier = 0.0707f}},
    {"qwen2moe",
     {.arch = "qwen2moe",
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .n_ff = 512,
      .n_ff_shared = 512}},
    {"qwen3moe",
     {.arch = "qwen3moe", .n_embd_head = 64, .n_expert = 16, .n_expert_used = 4, .n_ff_expert = 128}},
    {"olmoe", {.arch = "olmoe", .n_expert = 16, .n_expert_used = 4, .n_ff_expert = 128}},
    {"gpt-oss",
     {.arch = "gpt-oss",
      .n_head_kv = 2,
      .n_embd_head = 64,
      .n_expert_used = 4,
      .window = 128,
      .rope_base = 150000.0f,
      .yarn_factor = 32,
      .n_ctx_original = 1024}},
    {"granitemoe",
     {.arch = "granitemoe",
      .tied = true,
      .embedding_scale = 12,
      .residual_scale = 0.22f,
      .attention_scale = 0.03125f,
      .logit_scale = 6}},
    {"glm4moe",
     {.arch = "glm4moe",
      .n_embd_head = 64,
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .n_ff = 512,
      .n_shared = 1,
      .n_dense = 1,
      .n_rot = 32,
      .n_nextn = 1,
      .sigmoid = true,
      .weights_norm = true,
      .weights_scale = 1.5f}},
    {"qwen3vlmoe",
     {.arch = "qwen3vlmoe",
      .n_embd_head = 64,
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .sections = true}},
    {"minimax-m2",
     {.arch = "minimax-m2",
      .n_embd_head = 64,
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .n_rot = 32,
      .sigmoid = true}},
    {"bailingmoe2",
     {.arch = "bailingmoe2",
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .n_ff = 512,
      .n_shared = 1,
      .n_dense = 1,
      .n_group = 4,
      .n_group_used = 2,
      .n_nextn = 1,
      .sigmoid = true,
      .weights_norm = true,
      .weights_scale = 2.5f}},
    {"dots1",
     {.arch = "dots1",
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .n_ff = 512,
      .n_shared = 2,
      .n_dense = 1,
      .sigmoid = true,
      .weights_norm = true,
      .weights_scale = 2.5f}},
    {"ernie4_5-moe",
     {.arch = "ernie4_5-moe",
      .n_expert = 16,
      .n_expert_used = 4,
      .n_ff_expert = 128,
      .n_ff = 512,
      .n_ff_shared = 256,
      .n_dense = 1,
      .moe_step = 1}},
    {"hunyuan-moe", {.arch = "hunyuan-moe", .n_expert = 16, .n_expert_used = 4, .n_ff_expert = 128}},
    {"qwen2", {.arch = "qwen2", .n_expert = 0, .n_ff = 1024}},
    {"qwen3", {.arch = "qwen3", .n_embd_head = 64, .n_expert = 0, .n_ff = 1024}},
};

static const NamedShape kModelShapes[] = {
    {"mixtral-8x7b",
     {.n_layer = 32,
      .n_embd = 4096,
      .n_head = 32,
      .n_head_kv = 8,
      .n_expert = 8,
      .n_expert_used = 2,
      .n_ff_expert = 14336,
      .n_ctx = 32768,
      .rope_base = 1e6f}},
    {"deepseek-moe-16b",
     {.arch = "deepseek",
      .n_layer = 28,
      .n_embd = 2048,
      .n_head = 16,
      .n_expert = 64,
      .n_expert_used = 6,
      .n_ff_expert = 1408,
      .n_ff = 10944,
      .n_shared = 2,
      .n_dense = 1,
      .norm_eps = 1e-6f}},
    {"deepseek-v2-lite",
     {.arch = "deepseek2",
      .n_layer = 27,
      .n_embd = 2048,
      .n_head = 16,
      .n_expert = 64,
      .n_expert_used = 6,
      .n_ff_expert = 1408,
      .n_ff = 10944,
      .n_shared = 2,
      .n_dense = 1,
      .n_lora_kv = 512,
      .n_nope = 128,
      .n_rope = 64,
      .n_value = 128,
      .n_ctx = 163840,
      .norm_eps = 1e-6f,
      .yarn_factor = 40,
      .n_ctx_original = 4096,
      .yarn_log_multiplier = 0.0707f}},
    {"deepseek-v3",
     {.arch = "deepseek2",
      .n_layer = 61,
      .n_embd = 7168,
      .n_head = 128,
      .n_expert = 256,
      .n_expert_used = 8,
      .n_ff_expert = 2048,
      .n_ff = 18432,
      .n_shared = 1,
      .n_dense = 3,
      .n_group = 8,
      .n_group_used = 4,
      .n_lora_q = 1536,
      .n_lora_kv = 512,
      .n_nope = 128,
      .n_rope = 64,
      .n_value = 128,
      .n_ctx = 163840,
      .norm_eps = 1e-6f,
      .yarn_factor = 40,
      .n_ctx_original = 4096,
      .yarn_log_multiplier = 0.1f,
      .sigmoid = true,
      .weights_norm = true,
      .weights_scale = 2.5f}},
    {"qwen3-30b-a3b",
     {.arch = "qwen3moe",
      .n_layer = 48,
      .n_embd = 2048,
      .n_head = 32,
      .n_head_kv = 4,
      .n_embd_head = 128,
      .n_expert = 128,
      .n_expert_used = 8,
      .n_ff_expert = 768,
      .n_ff = 6144,
      .n_ctx = 40960,
      .norm_eps = 1e-6f,
      .rope_base = 1e6f}},
    {"gpt-oss-20b",
     {.arch = "gpt-oss",
      .n_layer = 24,
      .n_embd = 2880,
      .n_head = 64,
      .n_head_kv = 8,
      .n_embd_head = 64,
      .n_expert = 32,
      .n_expert_used = 4,
      .n_ff_expert = 2880,
      .n_ctx = 131072,
      .window = 128,
      .rope_base = 150000.0f,
      .yarn_factor = 32,
      .n_ctx_original = 4096}},
    {"olmoe-1b-7b",
     {.arch = "olmoe",
      .n_layer = 16,
      .n_embd = 2048,
      .n_head = 16,
      .n_expert = 64,
      .n_expert_used = 8,
      .n_ff_expert = 1024}},
    {"qwen1.5-moe-a2.7b",
     {.arch = "qwen2moe",
      .n_layer = 24,
      .n_embd = 2048,
      .n_head = 16,
      .n_expert = 60,
      .n_expert_used = 4,
      .n_ff_expert = 1408,
      .n_ff = 5632,
      .n_ff_shared = 5632,
      .n_ctx = 8192,
      .norm_eps = 1e-6f,
      .rope_base = 1e6f}},
    {"granite-3-1b-a400m",
     {.arch = "granitemoe",
      .n_layer = 24,
      .n_embd = 1024,
      .n_head = 16,
      .n_head_kv = 8,
      .n_expert = 32,
      .n_expert_used = 8,
      .n_ff_expert = 512,
      .norm_eps = 1e-6f,
      .tied = true,
      .embedding_scale = 12,
      .residual_scale = 0.22f,
      .attention_scale = 0.015625f,
      .logit_scale = 6}},
    {"mistral-7b",
     {.n_layer = 32,
      .n_embd = 4096,
      .n_head = 32,
      .n_head_kv = 8,
      .n_expert = 0,
      .n_ff = 14336,
      .n_ctx = 32768,
      .rope_base = 1e6f}},
    {"smollm2-135m",
     {.n_layer = 30,
      .n_embd = 576,
      .n_head = 9,
      .n_head_kv = 3,
      .n_expert = 0,
      .n_ff = 1536,
      .n_ctx = 8192,
      .rope_base = 100000.0f,
      .tied = true}},
};

static constexpr ShapeField kFields[] = {
    {"--layers", &SynthShape::n_layer, 1, "blocks", ""},
    {"--embd", &SynthShape::n_embd, 1, "width", ""},
    {"--heads", &SynthShape::n_head, 1, "attention heads", ""},
    {"--kv-heads", &SynthShape::n_head_kv, 0, "KV heads (0: as many)", ""},
    {"--head-dim", &SynthShape::n_embd_head, 0, "dimensions of a head (0: width / heads)", ""},
    {"--experts", &SynthShape::n_expert, 0, "experts a layer (0: dense)", ""},
    {"--experts-used", &SynthShape::n_expert_used, 1, "experts a token", ""},
    {"--expert-ff", &SynthShape::n_ff_expert, 1, "width of an expert", ""},
    {"--ff", &SynthShape::n_ff, 0, "width of a dense feed-forward layer (0: --expert-ff, or 4 x width)", ""},
    {"--shared", &SynthShape::n_shared, 0, "shared experts", "deepseek deepseek2 glm4moe bailingmoe2 dots1"},
    {"--shared-ff", &SynthShape::n_ff_shared, 0, "width of the shared expert",
     "qwen2moe granitemoe ernie4_5-moe hunyuan-moe"},
    {"--dense-layers", &SynthShape::n_dense, 0, "leading dense layers",
     "deepseek deepseek2 glm4moe bailingmoe2 dots1 ernie4_5-moe"},
    {"--groups", &SynthShape::n_group, 0, "groups of experts", "deepseek2 bailingmoe2"},
    {"--groups-used", &SynthShape::n_group_used, 0, "groups a token may use", "deepseek2 bailingmoe2"},
    {"--q-lora", &SynthShape::n_lora_q, 0, "width of the compressed query (0: none)", "deepseek2"},
    {"--kv-lora", &SynthShape::n_lora_kv, 1, "width of the compressed keys and values", "deepseek2"},
    {"--window", &SynthShape::window, 1, "positions that every other layer sees", "gpt-oss"},
    {"--yarn", &SynthShape::yarn_factor, 0, "stretch positions by YaRN so many times (0: no scaling)", ""},
    {"--ctx", &SynthShape::n_ctx, 1, "declared context", ""},
};

std::span<const NamedShape> arch_shapes() {
  return kArchShapes;
}
std::span<const NamedShape> model_shapes() {
  return kModelShapes;
}
std::span<const ShapeField> shape_fields() {
  return kFields;
}

/// Sets keys of one architecture, leaving out zeros.
struct KeyWriter {
  gguf_context* gguf;
  std::string prefix;
  void count(const char* key, int value) const {
    if (value) gguf_set_val_u32(gguf, (prefix + key).c_str(), static_cast<uint32_t>(value));
  }
  void real(const char* key, float value) const {
    if (value != 0.0f) gguf_set_val_f32(gguf, (prefix + key).c_str(), value);
  }
};

static void write_attention_keys(const KeyWriter& w, const SynthShape& s) {
  w.count("attention.head_count", s.n_head);
  w.real("attention.layer_norm_rms_epsilon", s.norm_eps);
  w.count("attention.sliding_window", s.window);
  if (s.n_lora_kv == 0) {
    w.count("attention.head_count_kv", s.n_head_kv ? s.n_head_kv : s.n_head);
    w.count("attention.key_length", s.n_embd_head);
    w.count("attention.value_length", s.n_embd_head);
    const int head = s.n_embd_head ? s.n_embd_head : s.n_embd / s.n_head;
    w.count("rope.dimension_count", s.n_rot ? s.n_rot : head);
    if (s.sections) {
      const int32_t half = head / 2, sections[4] = {(half + 2) / 3, (half + 1) / 3, half / 3, 0};
      gguf_set_arr_data(w.gguf, (w.prefix + "rope.dimension_sections").c_str(), GGUF_TYPE_INT32, sections, 4);
    }
  } else {  // the absorbed form, as current converters write it
    w.count("attention.head_count_kv", 1);
    w.count("attention.q_lora_rank", s.n_lora_q);
    w.count("attention.kv_lora_rank", s.n_lora_kv);
    w.count("attention.key_length", s.n_lora_kv + s.n_rope);
    w.count("attention.value_length", s.n_lora_kv);
    w.count("attention.key_length_mla", s.n_nope + s.n_rope);
    w.count("attention.value_length_mla", s.n_value);
    w.count("rope.dimension_count", s.n_rope);
  }
  w.real("rope.freq_base", s.rope_base);
  if (s.yarn_factor > 0) {
    gguf_set_val_str(w.gguf, (w.prefix + "rope.scaling.type").c_str(), "yarn");
    w.real("rope.scaling.factor", static_cast<float>(s.yarn_factor));
    w.real("rope.scaling.yarn_log_multiplier", s.yarn_log_multiplier);
    w.count("rope.scaling.original_context_length", s.n_ctx_original);
  }
}

static void write_expert_keys(const KeyWriter& w, const SynthShape& s) {
  w.count("expert_count", s.n_expert);
  w.count("expert_used_count", s.n_expert_used);
  w.count("expert_feed_forward_length", s.n_ff_expert);
  w.count("expert_shared_count", s.n_shared);
  w.count("expert_shared_feed_forward_length", s.n_ff_shared);
  w.count("leading_dense_block_count", s.n_dense);
  w.count("expert_group_count", s.n_group);
  w.count("expert_group_used_count", s.n_group_used);
  w.real("expert_weights_scale", s.weights_scale);
  w.count("interleave_moe_layer_step", s.moe_step);
  if (s.arch == "deepseek2" || s.sigmoid) w.count("expert_gating_func", s.sigmoid ? 2 : 1);
  if (s.arch == "deepseek2" || s.weights_norm)
    gguf_set_val_bool(w.gguf, (w.prefix + "expert_weights_norm").c_str(), s.weights_norm);
}

void write_shape_keys(gguf_context* gguf, const SynthShape& s, const std::string& name) {
  const KeyWriter w{gguf, s.arch + "."};
  gguf_set_val_str(gguf, "general.architecture", s.arch.c_str());
  gguf_set_val_str(gguf, "general.name", name.c_str());
  w.count("block_count", s.n_layer + s.n_nextn);
  w.count("nextn_predict_layers", s.n_nextn);
  w.count("context_length", s.n_ctx);
  w.count("embedding_length", s.n_embd);
  w.count("feed_forward_length", s.n_ff ? s.n_ff : s.n_expert ? s.n_ff_expert : 4 * s.n_embd);
  write_attention_keys(w, s);
  if (s.n_expert > 0) write_expert_keys(w, s);
  w.real("embedding_scale", s.embedding_scale);
  w.real("residual_scale", s.residual_scale);
  w.real("attention.scale", s.attention_scale);
  w.real("logit_scale", s.logit_scale);
}

}  // namespace rouse
