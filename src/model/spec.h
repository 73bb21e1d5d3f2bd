/// model/spec.h - a model described by properties. Shared blocks branch on these, never on a model's name.
#pragma once

#include <string>

#include "gguf/file.h"
#include "routing/spec.h"

namespace rouse {

enum class RopeOrder { norm, neox };  ///< which pairs rotate: neighbours, or first half against second half

struct RopeSpec {
  RopeOrder order = RopeOrder::norm;
  int n_rot = 0;  ///< rotated dimensions of a head
  float base = 10000.0f;
  float freq_scale = 1.0f;  ///< 1 / linear or YaRN factor
  int n_ctx_orig = 0;       ///< YaRN: the context it was trained with
  float ext_factor = 0.0f;  ///< YaRN: 1, else 0
  float attn_factor = 1.0f, beta_fast = 32.0f, beta_slow = 1.0f;
};

struct AttentionSpec {
  int n_head = 0, n_head_kv = 0, n_embd_head = 0;
  float scale = 0.0f;  ///< multiplies q.k
  int n_embd_q() const { return n_head * n_embd_head; }
  int n_embd_kv() const { return n_head_kv * n_embd_head; }
};

struct ModelSpec {
  std::string arch, name;
  int n_layer = 0, n_embd = 0, n_vocab = 0, n_ctx_train = 0;
  int n_ff = 0;             ///< width of a dense feed-forward layer
  int n_ff_expert = 0;      ///< width of one expert
  int n_ff_shared = 0;      ///< width of all shared experts together; 0: none
  int n_leading_dense = 0;  ///< layers before the first MoE layer
  float norm_eps = 1e-5f;
  RopeSpec rope;
  AttentionSpec attention;
  RouterSpec router;

  bool moe_layer(int layer) const { return router.n_expert > 0 && layer >= n_leading_dense; }
};

/// Reads typed keys of one architecture ("llama.block_count"), with errors that name the key.
class Keys {
 public:
  Keys(const GgufFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}
  /// Required or defaulted values, checked against [low, high].
  int integer(const std::string& key, int64_t low, int64_t high) const;
  int integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const;
  float real_or(const std::string& key, double fallback) const;
  float real(const std::string& key) const;
  std::string text_or(const std::string& key, const std::string& fallback) const;
  const GgufFile& file() const { return file_; }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

/// What every decoder file carries: sizes, heads, RoPE, norm epsilon, experts. Architectures adjust the rest.
ModelSpec common_spec(const Keys& keys, const std::string& arch);

/// One supported family: the file's general.architecture, what it is, and how its keys become a ModelSpec.
struct ArchEntry {
  const char* name;
  const char* help;
  ModelSpec (*spec)(const Keys& keys);
};
std::span<const ArchEntry> arch_registry();
/// Throws Error (exit 3) naming the architecture and the supported ones.
ModelSpec read_spec(const GgufFile& file);

}  // namespace rouse
