/// Every key of llama.cpp's table of names, against what unmodified libllama computes from the same file:
/// applied alike, refused by name, or without effect.
#include <functional>
#include <variant>

#include "edited.h"
#include "model/tensors.h"
#include "peer.h"

namespace rouse {
namespace {

using Value = std::variant<uint32_t, float, bool, const char*>;
struct KeyValue {
  const char* key;
  Value value;
};

std::string full_name(gguf_context* keys, const std::string& key) {
  return std::string(gguf_get_val_str(keys, gguf_find_key(keys, "general.architecture"))) + "." + key;
}

void set_key(gguf_context* keys, const std::string& key, const Value& value) {
  const std::string name = full_name(keys, key);
  gguf_remove_key(keys, name.c_str());
  if (const auto* u = std::get_if<uint32_t>(&value)) gguf_set_val_u32(keys, name.c_str(), *u);
  if (const auto* f = std::get_if<float>(&value)) gguf_set_val_f32(keys, name.c_str(), *f);
  if (const auto* b = std::get_if<bool>(&value)) gguf_set_val_bool(keys, name.c_str(), *b);
  if (const auto* s = std::get_if<const char*>(&value)) gguf_set_val_str(keys, name.c_str(), *s);
}

/// The same number for each of `n` blocks.
void set_array(gguf_context* keys, const std::string& key, int32_t value, size_t n) {
  const std::string name = full_name(keys, key);
  gguf_remove_key(keys, name.c_str());
  const std::vector<int32_t> values(n, value);
  gguf_set_arr_data(keys, name.c_str(), GGUF_TYPE_INT32, values.data(), n);
}

/// Logits of an edited golden file in rouse and in libllama.
struct Both {
  explicit Both(const std::string& file, const std::function<void(Edited&)>& edit = {}) {
    Edited e(file);
    if (edit) edit(e);
    const TempDir dir;
    const std::string path = dir / "m.gguf";
    e.write(path);
    TinyModel m(path);
    ours = m.logits(kText);
    libllama = PeerModel(path).logits(kText);
  }
  std::vector<float> ours, libllama;
};

Both with_keys(const std::string& file, const std::vector<KeyValue>& values) {
  return Both(file, [&](Edited& e) {
    for (const KeyValue& v : values) set_key(e.keys(), v.key, v.value);
  });
}

void expect_applied(const Both& after, const Both& before, const std::string& what) {
  EXPECT_GT(nmse(after.libllama, before.libllama), 1e-7) << what << ": no effect in libllama";
  EXPECT_LT(nmse(after.ours, after.libllama), 1e-8) << what;
}
void expect_no_effect(const Both& after, const Both& before, const std::string& what) {
  EXPECT_EQ(after.ours, before.ours) << what;
  EXPECT_LT(nmse(after.libllama, before.libllama), 1e-12) << what;
}

/// The header alone of an edited golden file: read, or refused with an error that names the key.
void expect_refused(const std::string& file, const std::string& key, const Value& value) {
  Edited e(file);
  set_key(e.keys(), key, value);
  expect_refusal([&] { read_spec(e.header()); }, ErrorKind::bad_model, full_name(e.keys(), key));
}

}  // namespace

TEST(PeerKeys, PositionsScaleAsInLibllama) {
  for (const char* file : {"llama.gguf", "mixtral.gguf", "deepseek.gguf", "qwen2moe.gguf", "qwen3moe.gguf",
                           "granitemoe.gguf", "qwen2.gguf", "qwen3.gguf"}) {
    const Both before(file);
    expect_applied(with_keys(file, {{"rope.scaling.factor", 2.5f}}), before, cat(file, " factor alone"));
    expect_applied(with_keys(file, {{"rope.scale_linear", 3.0f}}), before, cat(file, " scale_linear"));
  }
  const char* file = "llama.gguf";
  const Both before(file);
  for (const std::vector<KeyValue>& values : std::vector<std::vector<KeyValue>>{
           {{"rope.scaling.type", "linear"}, {"rope.scaling.factor", 4.0f}},
           {{"rope.scaling.factor", 2.0f}, {"rope.scale_linear", 8.0f}},
           {{"rope.scaling.attn_factor", 1.3f}},
           {{"rope.scaling.type", "none"}, {"rope.scaling.attn_factor", 1.3f}},
           {{"rope.scaling.factor", 0.5f}, {"rope.scaling.attn_factor", 0.8f}},
           {{"rope.scaling.type", "yarn"}, {"rope.scaling.factor", 4.0f}},
           {{"rope.scaling.type", "yarn"}, {"rope.scale_linear", 4.0f}},
           {{"rope.scaling.type", "yarn"}, {"rope.scaling.factor", 0.5f}},
           {{"rope.scaling.type", "yarn"}, {"rope.scaling.factor", 4.0f}, {"rope.scaling.attn_factor", 1.2f}},
           {{"rope.scaling.type", "yarn"},
            {"rope.scaling.factor", 4.0f},
            {"rope.scaling.yarn_ext_factor", 1.0f},
            {"rope.scaling.yarn_attn_factor", 1.1386f},
            {"rope.scaling.original_context_length", 64u}},
           {{"rope.freq_base", 500.0f}},
           {{"attention.layer_norm_rms_epsilon", 0.05f}}})
    expect_applied(with_keys(file, values), before, cat(values[0].key, " and ", values.back().key));
  for (const std::vector<KeyValue>& values :
       std::vector<std::vector<KeyValue>>{{{"rope.scaling.type", "none"}, {"rope.scaling.factor", 4.0f}},
                                          {{"rope.scaling.type", "linear"}},
                                          {{"rope.scaling.type", "yarn"}},
                                          {{"rope.scaling.factor", 0.0f}, {"rope.scale_linear", 4.0f}},
                                          {{"rope.scaling.factor", 1.0f}}})
    expect_no_effect(with_keys(file, values), before, cat(values[0].key, " and ", values.back().key));
}

TEST(PeerKeys, ATableOfFrequenciesAndAScalingMultiply) {
  const ggml_context_ptr context(ggml_init({1 << 12, nullptr, false}));
  ggml_tensor* table = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 8);
  ggml_set_name(table, "rope_freqs.weight");
  for (int i = 0; i < 8; ++i) static_cast<float*>(table->data)[i] = 1.0f + 0.5f * static_cast<float>(i);
  const Both before("llama.gguf");
  const auto with_table = [&](const std::vector<KeyValue>& values) {
    return Both("llama.gguf", [&](Edited& e) {
      e.tensors().push_back(table);
      for (const KeyValue& v : values) set_key(e.keys(), v.key, v.value);
    });
  };
  const Both alone = with_table({});
  expect_applied(alone, before, "table");
  expect_applied(with_table({{"rope.scaling.factor", 2.0f}}), alone, "table and factor");
  expect_applied(with_table({{"rope.scaling.type", "yarn"}, {"rope.scaling.factor", 4.0f}}), alone,
                 "and YaRN");
  static_cast<float*>(table->data)[3] = 0;
  expect_refusal([&] { with_table({}); }, ErrorKind::bad_model,
                 "rope_freqs.weight holds 0, expected more than 0");
}

TEST(PeerKeys, NumbersOfAllBlocksMayBeRepeated) {
  const Both llama("llama.gguf"), mixtral("mixtral.gguf"), qwen("qwen3moe.gguf");
  const auto arrays = [](const char* file, std::vector<std::pair<const char*, int>> values) {
    return Both(file, [&](Edited& e) {
      for (const auto& [key, value] : values) set_array(e.keys(), key, value, 3);
    });
  };
  expect_no_effect(arrays("llama.gguf", {{"attention.head_count", 4}, {"attention.head_count_kv", 2}}), llama,
                   "heads");
  expect_no_effect(arrays("llama.gguf", {{"feed_forward_length", 96}}), llama, "feed-forward");
  expect_applied(arrays("mixtral.gguf", {{"expert_used_count", 3}}), mixtral, "experts used");
  expect_no_effect(arrays("qwen3moe.gguf", {{"expert_feed_forward_length", 16}}), qwen, "expert width");

  const auto refused = [](const std::vector<int32_t>& values, const std::string& part) {
    Edited e("llama.gguf");
    gguf_remove_key(e.keys(), "llama.attention.head_count_kv");
    gguf_set_arr_data(e.keys(), "llama.attention.head_count_kv", GGUF_TYPE_INT32, values.data(),
                      values.size());
    expect_refusal([&] { read_spec(e.header()); }, ErrorKind::bad_model,
                   "llama.attention.head_count_kv is " + part);
  };
  refused({2, 2, 1}, "2 in block 0 and 1 in block 2, expected the same in all");
  refused({2, 2}, "an array of 2 numbers, expected one for each of 3 blocks");
  refused({}, "an array of 0 numbers");
  refused({9, 9, 9}, "9, expected 1 to 4");
}

TEST(PeerKeys, OfOneFamily) {
  struct Case {
    const char* file;
    std::vector<KeyValue> values;
  };
  const std::vector<Case> cases = {
      {"deepseek.gguf", {{"expert_weights_scale", 2.0f}}},
      {"deepseek3.gguf", {{"expert_weights_scale", 1.0f}}},
      {"deepseek3.gguf", {{"expert_weights_norm", false}}},
      {"deepseek3.gguf", {{"expert_group_used_count", 3u}}},
      {"deepseek3.gguf", {{"rope.scaling.yarn_log_multiplier", 0.05f}}},
      {"deepseek3.gguf", {{"rope.scaling.factor", 16.0f}}},
      {"deepseek3.gguf", {{"rope.scaling.original_context_length", 2000u}}},
      {"deepseek3.gguf", {{"attention.temperature_scale", 0.2f}, {"attention.temperature_length", 4u}}},
      {"granitemoe.gguf", {{"embedding_scale", 5.0f}}},
      {"granitemoe.gguf", {{"residual_scale", 0.7f}}},
      {"granitemoe.gguf", {{"logit_scale", 3.0f}}},
      {"granitemoe.gguf", {{"attention.scale", 0.5f}}},
  };
  for (const Case& c : cases)
    expect_applied(with_keys(c.file, c.values), Both(c.file), cat(c.file, " ", c.values[0].key));
  expect_no_effect(with_keys("deepseek3.gguf", {{"attention.temperature_length", 4u}}),
                   Both("deepseek3.gguf"), "temperature_length alone");
  expect_refused("deepseek3.gguf", "attention.temperature_scale", 0.2f);  // without a length
  expect_refused("deepseek3.gguf", "rope.scaling.attn_factor", 1.5f);
  Edited linear("deepseek3.gguf");
  set_key(linear.keys(), "rope.scaling.type", "linear");
  expect_refusal([&] { read_spec(linear.header()); }, ErrorKind::bad_model,
                 "deepseek2.rope.scaling.factor is 4");
}

TEST(PeerKeys, OfGptOss) {
  // Without YaRN, which libllama widens to whole dimensions, and with a window that the text outgrows.
  const auto gpt_oss = [](const std::vector<KeyValue>& values) {
    return Both("gpt_oss.gguf", [&](Edited& e) {
      for (const char* key : {"type", "factor", "original_context_length"})
        gguf_remove_key(e.keys(), cat("gpt-oss.rope.scaling.", key).c_str());
      set_key(e.keys(), "attention.sliding_window", 6u);
      for (const KeyValue& v : values) set_key(e.keys(), v.key, v.value);
    });
  };
  const Both before = gpt_oss({});
  EXPECT_LT(nmse(before.ours, before.libllama), 1e-8);
  expect_applied(gpt_oss({{"attention.sliding_window", 3u}}), before, "window");
  for (const uint32_t period : {0u, 3u})
    expect_applied(gpt_oss({{"attention.sliding_window_pattern", period}}), before, cat("pattern ", period));
  expect_applied(gpt_oss({{"rope.scaling.factor", 2.0f}}), before, "factor");
  const auto pattern = [](Edited& e, const std::vector<int32_t>& windowed) {
    gguf_set_arr_data(e.keys(), "gpt-oss.attention.sliding_window_pattern", GGUF_TYPE_INT32, windowed.data(),
                      windowed.size());
  };
  Edited same("gpt_oss.gguf"), other("gpt_oss.gguf"), cut("gpt_oss.gguf");
  pattern(same, {1, 0, 1});
  EXPECT_NO_THROW(read_spec(same.header()));
  pattern(other, {1, 1, 0});
  pattern(cut, {1, 0});
  for (const Edited* e : {&other, &cut})
    expect_refusal([&] { read_spec(e->header()); }, ErrorKind::bad_model,
                   "gpt-oss.attention.sliding_window_pattern is");
  for (const char* key :
       {"attention.key_length_swa", "attention.value_length_swa", "rope.dimension_count_swa"})
    expect_refused("gpt_oss.gguf", key, 6u);
  expect_refused("gpt_oss.gguf", "rope.freq_base_swa", 1000.0f);
}

/// Keys that no logit depends on, in libllama either.
TEST(PeerKeys, WithoutEffect) {
  const std::vector<KeyValue> harmless = {{"vocab_size", 7u},
                                          {"tensor_data_layout", "reference"},
                                          {"pooling_type", 3u},
                                          {"classifier.pooling_type", 1u},
                                          {"attention.layer_norm_epsilon", 0.5f},
                                          {"attention.group_norm_epsilon", 0.5f},
                                          {"attention.group_norm_groups", 3u},
                                          {"attention.key_length_swa", 6u},
                                          {"attention.value_length_swa", 6u},
                                          {"attention.sliding_window_pattern", 2u},
                                          {"attention.temperature_length", 3u},
                                          {"rope.dimension_count_swa", 6u},
                                          {"rope.freq_base_swa", 77.0f},
                                          {"rope.scaling.finetuned", true},
                                          {"rope.scaling.yarn_beta_fast", 8.0f},
                                          {"rope.scaling.yarn_beta_slow", 4.0f},
                                          {"rope.scaling.yarn_attn_factor", 3.0f},
                                          {"a_key_of_next_year", 7u}};
  for (const char* file :
       {"llama.gguf", "mixtral.gguf", "deepseek.gguf", "deepseek3.gguf", "granitemoe.gguf"}) {
    const Both before(file);
    std::vector<KeyValue> values = harmless;
    if (std::string(file) == "deepseek3.gguf")  // which has YaRN
      std::erase_if(values,
                    [](const KeyValue& v) { return std::string(v.key).find("yarn_") != std::string::npos; });
    expect_no_effect(with_keys(file, values), before, file);
  }
  Edited e("llama.gguf");
  set_key(e.keys(), "a_key_of_next_year", 7u);
  EXPECT_EQ(read_spec(e.header()).unknown_keys, std::vector<std::string>{"llama.a_key_of_next_year"});
}

/// The names of llama.cpp's src/llama-arch.cpp that rouse's architectures do not compute by.
/// The last block is one that predicts tokens further on: neither runs it.
TEST(PeerKeys, PredictionBlocksAreLeftOutAsInLibllama) {
  expect_applied(with_keys("deepseek3.gguf", {{"nextn_predict_layers", 1u}}), Both("deepseek3.gguf"),
                 "nextn_predict_layers");
}

TEST(PeerKeys, EveryOtherKeyOfLibllamaIsRefusedByName) {
  const std::vector<const char*> names = {"nextn_predict_layers",
                                          "leading_dense_block_count",
                                          "moe_every_n_layers",
                                          "interleave_moe_layer_step",
                                          "expert_group_count",
                                          "expert_group_used_count",
                                          "expert_gating_func",
                                          "expert_weights_scale",
                                          "expert_shared_count",
                                          "expert_shared_feed_forward_length",
                                          "expert_chunk_feed_forward_length",
                                          "expert_latent_length",
                                          "expert_group_scale",
                                          "experts_per_group",
                                          "moe_latent_size",
                                          "swiglu_clamp_exp",
                                          "swiglu_clamp_shexp",
                                          "use_parallel_residual",
                                          "embedding_length_out",
                                          "embedding_length_per_layer_input",
                                          "n_deepstack_layers",
                                          "deepstack_mapping",
                                          "full_attention_interval",
                                          "num_loops",
                                          "hash_layer_count",
                                          "token_shift_count",
                                          "rescale_every_n_layers",
                                          "time_mix_extra_dim",
                                          "time_decay_extra_dim",
                                          "swin_norm",
                                          "logit_scale",
                                          "residual_scale",
                                          "embedding_scale",
                                          "attn_logit_softcapping",
                                          "router_logit_softcapping",
                                          "final_logit_softcapping",
                                          "hidden_activation",
                                          "activation.situ_beta",
                                          "activation.situ_linear_beta",
                                          "attn_res.block_size",
                                          "decoder_start_token_id",
                                          "decoder_block_count",
                                          "adapters.count",
                                          "adapters.lora_rank",
                                          "hrm.layers_per_stack",
                                          "hrm.h_cycles",
                                          "hrm.prefix_lm",
                                          "attention.scale",
                                          "attention.output_scale",
                                          "attention.value_scale",
                                          "attention.temperature_scale",
                                          "attention.max_alibi_bias",
                                          "attention.clamp_kqv",
                                          "attention.causal",
                                          "attention.sliding_window",
                                          "attention.rope_pattern",
                                          "attention.q_lora_rank",
                                          "attention.kv_lora_rank",
                                          "attention.decay_lora_rank",
                                          "attention.iclr_lora_rank",
                                          "attention.value_residual_mix_lora_rank",
                                          "attention.gate_lora_rank",
                                          "attention.relative_buckets_count",
                                          "attention.key_length_mla",
                                          "attention.value_length_mla",
                                          "attention.key_length_mla_swa",
                                          "attention.value_length_mla_swa",
                                          "attention.kv_lora_rank_swa",
                                          "attention.indexer.head_count",
                                          "attention.indexer.top_k",
                                          "attention.indexer.types",
                                          "attention.output_group_count",
                                          "attention.output_lora_rank",
                                          "attention.compress_rope_freq_base",
                                          "attention.compress_ratios",
                                          "attention.shared_kv_layers",
                                          "attention.recurrent_layers",
                                          "hyper_connection.count",
                                          "hyper_connection.epsilon",
                                          "ple.layers",
                                          "ple.ngram_size",
                                          "rope.dimension_sections",
                                          "rope.scaling.alpha",
                                          "rope.scaling.yarn_ext_factor",
                                          "rope.scaling.yarn_log_multiplier",
                                          "ssm.conv_kernel",
                                          "ssm.dt_b_c_rms",
                                          "kda.head_dim",
                                          "wkv.head_size",
                                          "posnet.block_count",
                                          "convnext.block_count",
                                          "shortconv.l_cache"};
  for (const char* name : names) expect_refused("llama.gguf", name, 7u);
  expect_refused("llama.gguf", "attention.causal", false);
  expect_refused("llama.gguf", "rope.dimension_sections", "text");
  expect_refused("mixtral.gguf", "expert_weights_norm", false);
  expect_refused("olmoe.gguf", "expert_weights_norm", true);
  expect_refused("qwen3moe.gguf", "expert_group_count", 4u);
  expect_refused("qwen3moe.gguf", "expert_gating_func", 2u);
  expect_refused("qwen3moe.gguf", "expert_weights_scale", 2.0f);
  expect_refused("gpt_oss.gguf", "rope.scaling.yarn_ext_factor", 0.0f);
  expect_refused("gpt_oss.gguf", "rope.scaling.yarn_attn_factor", 1.0f);
  expect_refused("deepseek3.gguf", "nextn_predict_layers", 3u);  // all there are

  // What says the same as no such key.
  Edited e("qwen3moe.gguf");
  for (const KeyValue& v : std::vector<KeyValue>{{"nextn_predict_layers", 0u},
                                                 {"attention.causal", true},
                                                 {"expert_group_count", 1u},
                                                 {"expert_gating_func", 1u},
                                                 {"expert_weights_scale", 1.0f},
                                                 {"expert_weights_norm", true},
                                                 {"expert_shared_feed_forward_length", 0u},
                                                 {"attention.clamp_kqv", 0.0f},
                                                 {"attention.sliding_window", 0u},
                                                 {"use_parallel_residual", false},
                                                 {"logit_scale", 1.0f},
                                                 {"embedding_length_out", 32u}})
    set_key(e.keys(), v.key, v.value);
  EXPECT_TRUE(read_spec(e.header()).unknown_keys.empty());
}

}  // namespace rouse
