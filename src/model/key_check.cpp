/// model/key_check.cpp - what the keys mean that an architecture's reader leaves alone. The names are those
/// of llama.cpp's src/llama-arch.cpp.
#include "model/key_check.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "model/model_spec.h"

namespace rouse {
namespace {

/// About embeddings, classification and other uses than generating, or about how a file came to be: no logit
/// depends on them. Sizes of windowed layers and YaRN's numbers matter to readers alone that ask for them.
constexpr const char* kHarmless[] = {
    "vocab_size",
    "tensor_data_layout",
    "pooling_type",
    "classifier.output_labels",
    "classifier.pooling_type",
    "dense_2_feat_in",
    "dense_2_feat_out",
    "dense_3_feat_in",
    "dense_3_feat_out",
    "attention.layer_norm_epsilon",
    "attention.group_norm_epsilon",
    "attention.group_norm_groups",
    "attention.key_length_swa",
    "attention.value_length_swa",
    "attention.sliding_window_pattern",
    "attention.temperature_length",
    "expert_feed_forward_length",
    "rope.dimension_count_swa",
    "rope.freq_base_swa",
    "rope.scale_linear",  // asked for where rope.scaling.factor is not there
    "rope.scaling.finetuned",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
};

/// A key that some architectures compute by, and the values with which the others compute the same.
struct Neutral {
  const char* key;
  double value, also;
};
constexpr Neutral kNeutral[] = {
    {"nextn_predict_layers", 0, 0},
    {"attention.causal", 1, 1},
    {"leading_dense_block_count", 0, 0},
    {"moe_every_n_layers", 0, 1},
    {"interleave_moe_layer_step", 0, 1},
    {"expert_group_count", 0, 1},
    {"expert_group_used_count", 0, 1},
    {"expert_gating_func", 0, 1},
    {"expert_weights_scale", 0, 1},
    {"expert_shared_count", 0, 0},
    {"expert_shared_feed_forward_length", 0, 0},
    {"expert_chunk_feed_forward_length", 0, 0},
    {"expert_latent_length", 0, 0},
    {"expert_group_scale", 0, 1},
    {"experts_per_group", 0, 0},
    {"moe_latent_size", 0, 0},
    {"swiglu_clamp_exp", 0, 0},
    {"swiglu_clamp_shexp", 0, 0},
    {"use_parallel_residual", 0, 0},
    {"embedding_length_per_layer_input", 0, 0},
    {"n_deepstack_layers", 0, 0},
    {"full_attention_interval", 0, 1},
    {"num_loops", 0, 1},
    {"hash_layer_count", 0, 0},
    {"token_shift_count", 0, 0},
    {"rescale_every_n_layers", 0, 0},
    {"swin_norm", 0, 0},
    {"logit_scale", 0, 1},
    {"residual_scale", 0, 1},
    {"embedding_scale", 0, 1},
    {"attn_logit_softcapping", 0, 0},
    {"router_logit_softcapping", 0, 0},
    {"final_logit_softcapping", 0, 0},
    {"attention.scale", 0, 0},
    {"attention.output_scale", 0, 1},
    {"attention.value_scale", 0, 1},
    {"attention.temperature_scale", 0, 0},
    {"attention.max_alibi_bias", 0, 0},
    {"attention.clamp_kqv", 0, 0},
    {"attention.sliding_window", 0, 0},
    {"attention.q_lora_rank", 0, 0},
    {"attention.kv_lora_rank", 0, 0},
    {"attention.key_length_mla", 0, 0},
    {"attention.value_length_mla", 0, 0},
    {"attention.shared_kv_layers", 0, 0},
    {"attention.relative_buckets_count", 0, 0},
    {"rope.scaling.alpha", 0, 1},
    {"rope.scaling.yarn_ext_factor", 1, 1},
    {"rope.scaling.yarn_log_multiplier", 0, 0},
};

/// Parts that no supported architecture has, by the beginning of their keys; and lists a block.
constexpr const char* kForeign[] = {
    "ssm.",
    "kda.",
    "wkv.",
    "ple.",
    "hrm.",
    "adapters.",
    "hyper_connection.",
    "shortconv.",
    "posnet.",
    "convnext.",
    "activation.",
    "hidden_activation",
    "attn_res.",
    "decoder_",
    "time_mix_extra_dim",
    "time_decay_extra_dim",
    "deepstack_mapping",
    "attention.indexer.",
    "attention.output_group_count",
    "attention.output_lora_rank",
    "attention.compress_",
    "attention.recurrent_layers",
    "attention.rope_pattern",
    "attention.decay_lora_rank",
    "attention.iclr_lora_rank",
    "attention.value_residual_mix_lora_rank",
    "attention.gate_lora_rank",
    "attention.key_length_mla_swa",
    "attention.value_length_mla_swa",
    "attention.kv_lora_rank_swa",
    "rope.dimension_sections",
};

/// A number or a bool; nothing for other values.
std::optional<double> number(const GgufFile& file, const std::string& key, size_t id) {
  const gguf_type type = file.key_type(id);
  if (type == GGUF_TYPE_BOOL) return *file.boolean(key) ? 1 : 0;
  if (type == GGUF_TYPE_STRING || type == GGUF_TYPE_ARRAY) return std::nullopt;
  return file.real(key);
}

/// The architecture's keys that its reader did not ask for: name without prefix, index.
std::vector<std::pair<std::string, size_t>> left_alone(const Keys& keys) {
  std::vector<std::pair<std::string, size_t>> out;
  for (size_t i = 0; i < keys.file().n_key(); ++i) {
    const std::string name = keys.file().key_name(i);
    if (!name.starts_with(keys.prefix())) continue;
    std::string key = name.substr(keys.prefix().size());
    if (!keys.asked(key)) out.emplace_back(std::move(key), i);
  }
  return out;
}

const Neutral* neutral(const std::string& key) {
  const auto* found =
      std::find_if(std::begin(kNeutral), std::end(kNeutral), [&](const Neutral& n) { return key == n.key; });
  return found == std::end(kNeutral) ? nullptr : found;
}
bool foreign(const std::string& key) {
  return std::any_of(std::begin(kForeign), std::end(kForeign),
                     [&](const char* begin) { return key.starts_with(begin); });
}
bool harmless(const std::string& key) {
  return std::any_of(std::begin(kHarmless), std::end(kHarmless),
                     [&](const char* name) { return key == name; });
}

}  // namespace

std::vector<std::string> check_keys(const Keys& keys, const ModelSpec& spec) {
  const RouterSpec& r = spec.router;
  if (!keys.asked("expert_weights_norm") && r.moe() &&
      keys.boolean_or("expert_weights_norm", r.renormalize) != r.renormalize)
    keys.refuse("expert_weights_norm",
                cat(r.renormalize ? "false" : "true", ", but architecture ", spec.arch,
                    r.renormalize ? " renormalises" : " keeps", " the weights of the chosen experts"));
  if (keys.integer_or("embedding_length_out", 0, 0, 1 << 20) != 0)
    keys.integer("embedding_length_out", spec.n_embd, spec.n_embd);
  std::vector<std::string> unknown;
  for (const auto& [key, id] : left_alone(keys)) {
    if (const Neutral* n = neutral(key)) {
      const std::optional<double> value = number(keys.file(), keys.prefix() + key, id);
      if (value != n->value && value != n->also)
        keys.refuse(key,
                    cat(keys.file().key_text(id), ", expected ", n->value, " or no such key: architecture ",
                        spec.arch, " as rouse knows it does not compute by it"));
    } else if (foreign(key)) {
      keys.refuse(key, cat(keys.file().key_text(id), ", a part that architecture ", spec.arch,
                           " as rouse knows it does not have"));
    } else if (!harmless(key)) {
      unknown.push_back(keys.prefix() + key);
    }
  }
  return unknown;
}

}  // namespace rouse
