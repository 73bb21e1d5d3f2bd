#include "tiny_llama.h"

#include <ggml-cpp.h>
#include <gguf.h>
#include <llama-cpp.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "tensor/log.h"

namespace rouse {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVocab = 288;

/// Keys that most architectures share; those that one does not know do no harm.
constexpr const char* kCommon = R"({
  "vocab_size": 288, "context_length": 512, "embedding_length": 64, "block_count": 3,
  "leading_dense_block_count": 1, "feed_forward_length": 32, "logit_scale": 1.0, "residual_scale": 1.0,
  "attention.head_count": 4, "attention.head_count_kv": 2, "attention.clamp_kqv": 8.0,
  "attention.layer_norm_epsilon": 1e-5, "attention.layer_norm_rms_epsilon": 1e-5,
  "attention.sliding_window": 8, "attention.sliding_window_pattern": 2, "full_attention_interval": 2,
  "rope.dimension_sections": [2, 2, 2, 2],
  "expert_count": 8, "expert_used_count": 2, "expert_shared_count": 1, "expert_feed_forward_length": 32,
  "expert_shared_feed_forward_length": 32, "expert_gating_func": 2, "expert_weights_norm": true,
  "interleave_moe_layer_step": 2,
  "ssm.conv_kernel": 4, "ssm.inner_size": 128, "ssm.state_size": 16, "ssm.time_step_rank": 8,
  "ssm.group_count": 2, "shortconv.l_cache": 3
})";

/// Attention over a latent (DeepSeek-V2), and what chooses among its keys (DeepSeek-V3.2).
constexpr const char* kLatent = R"({
  "attention.head_count_kv": 1, "attention.q_lora_rank": 32, "attention.kv_lora_rank": 32,
  "attention.key_length": 40, "attention.value_length": 32, "attention.key_length_mla": 24,
  "attention.value_length_mla": 16, "rope.dimension_count": 8, "attention.indexer.head_count": 4,
  "attention.indexer.key_length": 64, "attention.indexer.top_k": 1000, "kda.head_dim": 16,
  "kda.safe_gate": true, "kda.gate_lower_bound": -5.0
})";
/// Several residual streams.
constexpr const char* kHyper = R"({
  "hyper_connection.count": 4, "hyper_connection.sinkhorn_iterations": 2, "hyper_connection.epsilon": 1e-6,
  "hyper_connection.low_rank": 8, "hyper_connection.magnitude": 2.0, "swiglu_clamp_exp": 10.0,
  "expert_weights_scale": 1.0, "attention.indexer.kpool": 4, "attention.indexer.kpool_select_tail": true,
  "attention.indexer.block_size": 4, "attention.indexer.local_blocks": 1
})";

struct TinyArch {
  const char* name;
  const char* keys = "{}";               ///< what it needs otherwise
  std::vector<const char*> shared = {};  ///< before those
};

const std::vector<TinyArch>& archs() {
  static const std::vector<TinyArch> all = {
      // Layers with a recurrent state beside those with attention.
      {"qwen35moe"},
      {"qwen3next"},
      {"nemotron_h_moe", R"({"block_count": 4, "feed_forward_length": [0, 0, 32, 32],
                             "attention.head_count_kv": [0, 2, 0, 0]})"},
      {"lfm2moe", R"({"block_count": 4, "attention.head_count_kv": [0, 2, 0, 2]})"},
      {"granitehybrid", R"({"attention.head_count_kv": [0, 2, 0]})"},
      {"jamba", R"({"attention.head_count_kv": [0, 2, 0]})"},
      {"minimax-01"},
      {"kimi-linear", R"({"attention.head_count_kv": [0, 1, 0]})", {kLatent}},
      {"kimi-k3",
       R"({"attention.head_count_kv": [0, 1, 0], "expert_latent_length": 32, "attn_res.block_size": 12,
                      "activation.situ_beta": 4.0, "activation.situ_linear_beta": 25.0})",
       {kLatent}},
      {"bailingmoe3",
       R"({"attention.head_count_kv": [0, 1, 0], "rope.dimension_sections": [1, 1, 2, 0]})",
       {kLatent}},
      {"glm5-next",
       R"({"attention.head_count_kv": [0, 1, 0], "attention.key_length": 32,
                        "rope.dimension_count": 0})",
       {kLatent, kHyper}},
      {"qwen4exp",
       R"({"attention.compress_ratios": [4, 4, 4], "attention.indexer.head_count": 4,
                       "attention.indexer.key_length": 16, "attention.indexer.top_k": 1000})",
       {kHyper}},
      // Attention throughout.
      {"llama4", R"({"block_count": 4})"},
      {"gemma4", R"({"attention.sliding_window_pattern": [1, 1, 0], "embedding_length_per_layer_input": 16,
                     "attention.key_length_swa": 16, "attention.value_length_swa": 16})"},
      {"afmoe"},
      {"arctic"},
      {"bailingmoe"},
      {"bailingmoe2"},
      {"cohere2moe"},
      {"dbrx"},
      {"deepseek2", "{}", {kLatent}},
      {"deepseek32", "{}", {kLatent}},
      {"dots3note",
       R"({"rope.freq_base_swa": 10000.0, "attention.kv_lora_rank_swa": 32, "attention.key_length_swa": 40,
                        "attention.value_length_swa": 32, "attention.key_length_mla_swa": 24,
                        "attention.value_length_mla_swa": 16, "attention.indexer.types": [1, 0, 1],
                        "attention.sliding_window_pattern": [0, 1, 0]})",
       {kLatent}},
      {"exaone-moe"},
      {"gpt-oss"},
      {"granite_swa", R"({"attention.sliding_window_pattern": [1, 0, 1]})"},
      {"grok", R"({"embedding_scale": 1.0})"},
      {"hy_v3"},
      {"hy_v4", R"({"attention.indexer.types": [1, 0, 1]})", {kLatent, kHyper}},
      {"laguna"},
      {"maple", R"({"attention.sliding_window_pattern": [1, 0, 1], "swiglu_clamp_exp": 7.0})"},
      {"mellum"},
      {"mimo2", R"({"attention.sliding_window_pattern": [1, 0, 1]})"},
      {"minicpm"},
      {"minimax-m3", R"({"rope.dimension_count": 8, "attention.indexer.head_count": 2,
                         "attention.indexer.key_length": 16, "attention.indexer.top_k": 1000,
                         "attention.indexer.block_size": 4, "attention.indexer.local_blocks": 1})"},
      {"mistral4", "{}", {kLatent}},
      {"olmoe", R"({"attention.head_count_kv": 4})"},
      {"phimoe"},
      {"qwen3vlmoe"},
      {"smallthinker"},
      {"step35", R"({"attention.sliding_window_pattern": [1, 0, 1]})"},
      // Not routed, and not written on from left to right.
      {"deepseek4",
       R"({"block_count": 4, "attention.key_length": 16, "attention.value_length": 16,
                        "attention.output_group_count": 4, "attention.output_lora_rank": 16,
                        "attention.compress_ratios": [0, 0, 4, 128], "hash_layer_count": 0,
                        "attention.compress_rope_freq_base": 160000.0, "expert_gating_func": 4})",
       {kLatent, kHyper}},
      {"grovemoe", R"({"expert_group_scale": 0.5, "experts_per_group": 2})"},
      {"llada-moe"},
      {"rnd1"},
  };
  return all;
}

/// In [-1, 1): the index-th number that a name stands for.
float noise(uint64_t name, uint64_t index) {
  uint64_t x = name + (index + 1) * 0x9e3779b97f4a7c15u;  // splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return static_cast<float>(static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1p-52 - 1);
}

/// Centre and half width of the values of a tensor.
std::pair<float, float> values_of(const std::string& name, const ggml_tensor* t) {
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  if (has("ssm_a")) return {-0.6f, 0.5f};  // a state that decays
  if (has("norm") && !has(".bias")) return {1, 0.3f};
  if (has("ssm_d") || has("scale") || has("rope_f")) return {1, 0.4f};
  if (has("exp_probs_b")) return {0, 0.2f};
  if (has(".bias") || ggml_n_dims(t) == 1) return {0, 0.3f};
  if (has("token_embd")) return {0, 1.7f};
  const float unit =
      std::sqrt(3.0f / static_cast<float>(t->ne[0]));  // a sum of products as wide as its input
  return {0, has("ffn_gate_inp.") ? 2 * unit : unit};
}

/// A tensor that libllama asked for.
struct Weights {
  std::string name;
  int64_t ne[GGML_MAX_DIMS];
  std::vector<float> values;
};

void set_weights(ggml_tensor* t, void* data) {
  auto& all = *static_cast<std::vector<Weights>*>(data);
  Weights w{t->name, {}, std::vector<float>(static_cast<size_t>(ggml_nelements(t)))};
  std::copy_n(t->ne, GGML_MAX_DIMS, w.ne);
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : w.name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  const auto [centre, width] = values_of(w.name, t);
  for (size_t i = 0; i < w.values.size(); ++i) w.values[i] = centre + width * noise(hash, i);
  ggml_backend_tensor_set(t, w.values.data(), 0, ggml_nbytes(t));
  all.push_back(std::move(w));
}

template <class T>
void set_array(gguf_context* out, const std::string& key, gguf_type type, const Json& value) {
  std::vector<T> all;
  for (const Json& x : value) all.push_back(x.get<T>());
  gguf_set_arr_data(out, key.c_str(), type, all.data(), all.size());
}

void set_key(gguf_context* out, const std::string& key, const Json& value) {
  if (value.is_boolean())
    gguf_set_val_bool(out, key.c_str(), value.get<bool>());
  else if (value.is_number_integer())
    gguf_set_val_u32(out, key.c_str(), value.get<uint32_t>());
  else if (value.is_number())
    gguf_set_val_f32(out, key.c_str(), value.get<float>());
  else if (value.is_string())
    gguf_set_val_str(out, key.c_str(), value.get<std::string>().c_str());
  else if (value.at(0).is_number_integer())
    set_array<uint32_t>(out, key, GGUF_TYPE_UINT32, value);
  else
    set_array<float>(out, key, GGUF_TYPE_FLOAT32, value);
}

gguf_context_ptr keys_of(const TinyArch& arch, const std::string& more) {
  Json keys = Json::parse(kCommon);
  for (const char* shared : arch.shared) keys.merge_patch(Json::parse(shared));
  for (const Json& changes : {Json::parse(arch.keys), Json::parse(more)}) keys.merge_patch(changes);
  gguf_context_ptr out(gguf_init_empty());
  gguf_set_val_str(out.get(), "general.architecture", arch.name);
  for (const auto& [key, value] : keys.items()) set_key(out.get(), cat(arch.name, ".", key), value);
  gguf_set_val_str(out.get(), "tokenizer.ggml.model", "test");
  std::vector<std::string> tokens;
  for (int i = 0; i < kVocab; ++i) tokens.push_back(cat("tok_", i));
  std::vector<const char*> texts;
  for (const std::string& token : tokens) texts.push_back(token.c_str());
  gguf_set_arr_str(out.get(), "tokenizer.ggml.tokens", texts.data(), texts.size());
  const std::vector<float> scores(tokens.size());
  gguf_set_arr_data(out.get(), "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores.data(), scores.size());
  return out;
}

}  // namespace

std::vector<std::string> tiny_llama_archs() {
  std::vector<std::string> out;
  for (const TinyArch& arch : archs()) out.push_back(arch.name);
  return out;
}

void write_tiny_llama(const std::string& arch, const std::string& path, const std::string& more) {
  const TinyArch* found = nullptr;
  for (const TinyArch& a : archs())
    if (arch == a.name) found = &a;
  require(found != nullptr, "no tiny model of \"", arch, "\"");
  const gguf_context_ptr keys = keys_of(*found, more);
  std::vector<Weights> weights;
  llama_log_set(log_callback, nullptr);
  const LogCapture log;
  ggml_backend_dev_t nowhere[1] = {nullptr};
  llama_model_params params = llama_model_default_params();
  params.devices = nowhere;
  const llama_model_ptr model(llama_model_init_from_user(keys.get(), set_weights, &weights, params));
  require(model != nullptr, arch, ": libllama cannot make it: ", trim(log.first_error()));
  // Not llama_model_save_to_file: it writes keys of its own, and aborts at some architectures.
  const ggml_context_ptr shapes(ggml_init({(weights.size() + 1) * ggml_tensor_overhead(), nullptr, true}));
  std::set<std::string> written;
  for (Weights& w : weights) {
    // Scales of quantised weights; tensors that two parts of the model share.
    const bool scale = w.name.ends_with("scale") && w.name.find("exps.scale") == std::string::npos &&
                       w.name.find("gate_inp.scale") == std::string::npos;
    if (scale || !written.insert(w.name).second) continue;
    ggml_tensor* t = ggml_new_tensor(shapes.get(), GGML_TYPE_F32, GGML_MAX_DIMS, w.ne);
    ggml_set_name(t, w.name.c_str());
    t->data = w.values.data();
    gguf_add_tensor(keys.get(), t);
  }
  require(gguf_write_to_file(keys.get(), path.c_str(), false), path, ": cannot write");
}

}  // namespace rouse
