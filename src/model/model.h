/// model/model.h - a model: its file, its spec, and its weights on their devices.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "model/model_spec.h"
#include "model/weights.h"

namespace rouse {

/// Where weights go. Names of tensors match as regular expressions.
struct Placement {
  int n_gpu_layer = 0;  ///< the last N blocks on the accelerator; N > n_layer adds the output head
  int n_cpu_moe = 0;    ///< expert tensors of the first N blocks stay on the CPU
  std::vector<std::pair<std::string, std::string>>
      overrides;  ///< (regex, "CPU" or "GPU"), the first match decides
};

/// Read once and never changed: any number of engines and threads may share one. Tensors are views that live
/// as long as it does.
class Model {
 public:
  using Progress = std::function<void(double done)>;
  /// Throws Error (exit 3) naming the tensor that is missing or has another shape than the metadata says.
  Model(GgufFile file, std::shared_ptr<const Devices> devices, const Placement& placement = {},
        const Progress& progress = {});
  Model(const std::string& path, std::shared_ptr<const Devices> devices, const Placement& placement = {},
        const Progress& progress = {})
      : Model(GgufFile(path), std::move(devices), placement, progress) {}

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
