/// model/model_spec.h - a model described by properties. Shared blocks branch on these, never on a model's
/// name.
#pragma once

#include <set>
#include <string>

#include "gguf/file.h"
#include "model/rope.h"
#include "routing/router_spec.h"

namespace rouse {

/// Where queries and keys are normalised before they turn: not at all, each head apart (Qwen3), or all heads
/// together (OLMoE).
enum class QkNorm { none, head, projection };

/// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1): keys and values of all heads
/// come from one compressed row. Absorbed, the cache holds that row and the heads meet in it; plain, it holds
/// every head's keys and values.
struct LatentSpec {
  int n_lora_kv = 0;     ///< width of the compressed row; 0: no latent attention
  int n_lora_q = 0;      ///< width of the compressed query; 0: queries are projected at once
  int n_embd_nope = 0;   ///< a head's part that does not turn
  int n_embd_rope = 0;   ///< the part that does, shared by all heads
  int n_embd_value = 0;  ///< a head's value
  bool absorbed = true;  ///< as the file says: attn_k_b and attn_v_b, or attn_kv_b
  bool on() const { return n_lora_kv > 0; }
};

/// Attention as the kernels see it: with absorbed latent attention one KV head whose value is the first part
/// of its key.
struct AttentionSpec {
  int n_head = 0, n_head_kv = 0;
  int n_embd_head = 0;    ///< dimensions of a query and a key
  int n_embd_head_v = 0;  ///< of a value
  float scale = 0.0f;     ///< multiplies q.k
  QkNorm qk_norm = QkNorm::none;
  bool norm_after_rope = false;                ///< queries and keys turn before they are normalised (Hunyuan)
  bool fused_qkv = false;                      ///< the file has queries, keys and values in one matrix
  bool qkv_bias = false, output_bias = false;  ///< required; files without the flag may still have them
  bool sinks = false;                          ///< a learned logit a head that takes part in the softmax
  int window = 0;         ///< windowed layers see this many positions, their own included; 0: all
  int window_period = 0;  ///< every period-th layer sees everything, the others the window; 0: none does
  /// A query at position p is multiplied by 1 + temperature ln(1 + floor(p / temperature_length)); 0: off.
  float temperature = 0.0f;
  int temperature_length = 0;
  LatentSpec latent;

  bool windowed(int layer) const {
    return window > 0 && (window_period == 0 || layer % window_period != window_period - 1);
  }
  bool values_in_keys() const { return latent.on() && latent.absorbed; }
  int n_embd_q() const { return n_head * n_embd_head; }
  int n_embd_k() const { return n_head_kv * n_embd_head; }     ///< a cell's keys
  int n_embd_v() const { return n_head_kv * n_embd_head_v; }   ///< a cell's values
  int n_embd_heads() const { return n_head * n_embd_head_v; }  ///< all heads' outputs
  int n_embd_out() const { return n_head * (latent.on() ? latent.n_embd_value : n_embd_head_v); }  ///< into o
};

enum class Activation {
  swiglu,      ///< silu(gate) up
  swiglu_oai,  ///< GPT-OSS: min(gate, 7) sigmoid(1.702 gate) (clamp(up, -7, 7) + 1)
};

struct ModelSpec {
  std::string arch, name;
  int n_layer = 0, n_embd = 0, n_vocab = 0, n_ctx_train = 0;
  int n_ff = 0;             ///< width of a dense feed-forward layer
  int n_ff_expert = 0;      ///< width of one expert
  int n_ff_shared = 0;      ///< width of all shared experts together; 0: none
  int n_leading_dense = 0;  ///< layers before the first MoE layer
  int moe_step = 1;         ///< from there on every n-th layer is one: those whose number plus 1 divides
  int n_nextn = 0;          ///< blocks behind the last that predict tokens further on; never run
  float norm_eps = 1e-5f;
  Activation activation = Activation::swiglu;
  bool shared_gate = false;     ///< the shared expert's output is multiplied by sigmoid(w.x) (Qwen2-MoE)
  bool expert_bias = false;     ///< biases in the router and in every projection of every expert (GPT-OSS)
  bool tied_head = false;       ///< the embeddings serve as output head
  bool selection_bias = false;  ///< files may carry a bias that is added to gates for selection only
  const char* ffn_norm = "ffn_norm";  ///< what the file calls the norm before the feed-forward
  float embedding_scale = 1.0f, residual_scale = 1.0f, logit_scale = 1.0f;  ///< Granite's multipliers
  RopeSpec rope;
  AttentionSpec attention;
  RouterSpec router;
  std::vector<std::string> unknown_keys;  ///< keys of the file's architecture that nothing here knows

  bool moe_layer(int layer) const {
    return router.n_expert > 0 && layer >= n_leading_dense && (layer + 1) % moe_step == 0;
  }
  /// Elements of one cell of the KV cache, all layers.
  int64_t kv_elements() const {
    return int64_t{n_layer} *
           (attention.n_embd_k() + (attention.values_in_keys() ? 0 : attention.n_embd_v()));
  }
};

/// Reads typed keys of one architecture ("llama.block_count"), with errors that name the key, and remembers
/// which were asked for.
class Keys {
 public:
  Keys(const GgufFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}
  bool has(const std::string& key) const { return file_.has(prefix_ + key); }
  /// Required or defaulted values, checked against [low, high].
  int integer(const std::string& key, int64_t low, int64_t high) const;
  int integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const;
  /// The same for a number that a file may repeat for each of n_layer blocks. Throws Error (exit 3) when the
  /// blocks differ.
  int per_layer(const std::string& key, int n_layer, int64_t low, int64_t high) const;
  int per_layer_or(const std::string& key, int n_layer, int64_t fallback, int64_t low, int64_t high) const;
  float real_or(const std::string& key, double fallback) const;
  float real(const std::string& key) const;
  bool boolean_or(const std::string& key, bool fallback) const;
  std::string text_or(const std::string& key, const std::string& fallback) const;
  std::vector<int64_t> integers(const std::string& key) const { return file_.integers(full(key)); }
  const GgufFile& file() const { return file_; }
  const std::string& prefix() const { return prefix_; }
  /// Whether the value of `key` was asked for, there or not.
  bool asked(const std::string& key) const { return asked_.count(key) > 0; }
  /// Throws the Error `file: key K is <what>`.
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const;

 private:
  std::string full(const std::string& key) const;
  const GgufFile& file_;
  std::string prefix_;
  mutable std::set<std::string> asked_;
};

/// What every decoder file carries: sizes, heads, RoPE, norm epsilon, experts. Architectures adjust the rest.
ModelSpec common_spec(const Keys& keys);
/// Blocks behind the last that predict tokens further on (multi-token prediction) do not count as layers.
void leave_out_nextn(const Keys& keys, ModelSpec& spec);
/// Router keys of families that carry them. The gating function; `usual` where the file does not say.
void read_gate(const Keys& keys, ModelSpec& spec, Gate usual);
/// What multiplies the weights, and whether they are renormalised.
void read_weights(const Keys& keys, ModelSpec& spec, bool usual_norm);
/// Leading dense layers, and shared experts that are as wide as the others.
void read_shared_experts(const Keys& keys, ModelSpec& spec);
/// Groups of experts, of which a token may use a few; after the gate.
void read_groups(const Keys& keys, ModelSpec& spec);
/// Rotary positions in sections, for pictures and film: all of a text's sections have the same position, so
/// they turn as plain ones do. Throws Error (exit 3) for a section that does not follow the position.
void read_text_sections(const Keys& keys);
/// A multiplier such as residual_scale: 0 in a file means none. Throws Error (exit 3) if it is absurd.
float scale_or_one(const Keys& keys, const std::string& key);

/// One supported family: the file's general.architecture, what it is, and how its keys become a ModelSpec.
struct ArchEntry {
  const char* name;
  const char* help;
  ModelSpec (*spec)(const Keys& keys);
};
std::span<const ArchEntry> arch_registry();
/// The engine that a file gets unless it is said: "native" for these families (and a file that names none),
/// else "libllama".
std::string usual_engine(const GgufFile& file);
/// Throws Error (exit 3) naming the architecture and the supported ones.
ModelSpec read_spec(const GgufFile& file);

}  // namespace rouse
