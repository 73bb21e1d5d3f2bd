/// model/weights.h - a model's weights on their devices, in the layouts the kernels like best.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "model/spec.h"
#include "tensor/devices.h"

namespace rouse {

/// Where weights go. Names of tensors match as regular expressions.
struct Placement {
  int n_gpu_layer = 0;  ///< the last N blocks on the accelerator; N > n_layer adds the output head
  int n_cpu_moe = 0;    ///< expert tensors of the first N blocks stay on the CPU
  std::vector<std::pair<std::string, std::string>>
      overrides;  ///< (regex, "CPU" or "GPU"), the first match decides
};

/// A projection that may be stacked with its neighbours: [n_in, n_out]. Gate and up, say, are one product
/// when their types allow: a step is 4-13% faster.
struct Gated {
  ggml_tensor* both = nullptr;                 ///< gate over up: [n_in, 2 n_ff(, E)]
  ggml_tensor *gate = nullptr, *up = nullptr;  ///< when of two types
  ggml_tensor* down = nullptr;                 ///< [n_ff, n_embd(, E)]
};

/// One block. Absent weights are null. `[a, b]` is ggml's ne.
struct LayerWeights {
  ggml_tensor* attn_norm = nullptr;  ///< [n_embd]
  /// The projections of a row in one product, when of one type: queries, keys, values; with latent attention
  /// (compressed) queries and the compressed row.
  ggml_tensor* qkv = nullptr;
  ggml_tensor *q = nullptr, *k = nullptr, *v = nullptr;  ///< apart otherwise; k: the compressed row
  ggml_tensor *qkv_bias = nullptr, *o_bias = nullptr;    ///< queries, keys, values in a row; [n_embd]
  ggml_tensor *q_norm = nullptr, *k_norm = nullptr, *sinks = nullptr;  ///< see QkNorm; [n_head]
  ggml_tensor *q_a_norm = nullptr, *q_b = nullptr;    ///< latent: [n_lora_q], [n_lora_q, n_head * key]
  ggml_tensor *kv_a_norm = nullptr, *kv_b = nullptr;  ///< latent: [n_lora_kv], plain [n_lora_kv, n_head * ..]
  ggml_tensor *k_b = nullptr,
              *v_b = nullptr;       ///< absorbed: [nope, n_lora_kv, n_head], [n_lora_kv, value, n_head]
  ggml_tensor* o = nullptr;         ///< [n_embd_out, n_embd]
  ggml_tensor* ffn_norm = nullptr;  ///< [n_embd]
  Gated dense, experts, shared;     ///< the first, or the other two
  ggml_tensor *router = nullptr, *router_bias = nullptr;  ///< [n_embd, n_expert], [n_expert]
  std::vector<float> selection_bias;                      ///< on the host: [n_expert], or empty
  ggml_tensor *gate_up_bias = nullptr, *gate_bias = nullptr, *up_bias = nullptr,
              *down_bias = nullptr;    ///< of experts
  ggml_tensor* shared_gate = nullptr;  ///< [n_embd]
};

/// Bytes of weights a token touches, by part: the bound of decoding speed.
struct WeightBytes {
  uint64_t dense = 0;  ///< attention, norms, routers, shared experts, dense feed-forward
  uint64_t head = 0;
  std::vector<uint64_t> expert;  ///< one expert of each block; 0 in dense blocks
};

class Model {
 public:
  using Progress = std::function<void(double done)>;
  /// Throws Error (exit 3) naming the tensor that is missing or has another shape than the metadata says.
  Model(const std::string& path, std::shared_ptr<const Devices> devices, const Placement& placement = {},
        const Progress& progress = {});

  Model(const Model&) = delete;  // the spec knows where its file is
  Model& operator=(const Model&) = delete;

  const ModelSpec& spec() const { return spec_; }
  const GgufFile& file() const { return file_; }
  const Devices& devices() const { return *devices_; }
  const std::vector<LayerWeights>& layers() const { return layers_; }
  ggml_tensor* token_embd() const { return token_embd_; }
  ggml_tensor* output_norm() const { return output_norm_; }
  ggml_tensor* output() const { return output_; }
  ggml_tensor* rope_factors() const { return rope_factors_; }  ///< [n_rot / 2] or null
  const WeightBytes& weight_bytes() const { return weight_bytes_; }
  /// The device that holds a block's attention and its KV cells.
  ggml_backend_dev_t device(int layer) const { return layer_devices_[static_cast<size_t>(layer)]; }
  /// (part, buffer) -> bytes: where the weights landed. See tensor_part.
  std::map<std::pair<std::string, std::string>, uint64_t> placement() const;
  /// "CPU 512 MB, CPU_REPACK 1.1 GB": the same, short.
  std::string placement_text() const;

  /// Logits of a few tokens for one row after the final norm, without running the whole head: SCMoE needs the
  /// weak stream's logits only for the plausible tokens. hidden [n_embd]; out [tokens.size()].
  void head_columns(std::span<const float> hidden, std::span<const int> tokens, std::span<float> out) const;

 private:
  friend class WeightLoader;
  void add_rope_factors();
  ModelSpec spec_;
  GgufFile file_;
  std::shared_ptr<const Devices> devices_;
  std::vector<ggml_context_ptr> contexts_;
  std::vector<ggml_backend_buffer_ptr> buffers_;
  std::vector<LayerWeights> layers_;
  std::vector<ggml_backend_dev_t> layer_devices_;
  ggml_tensor *token_embd_ = nullptr, *output_norm_ = nullptr, *output_ = nullptr, *rope_factors_ = nullptr;
  WeightBytes weight_bytes_;
};

}  // namespace rouse
