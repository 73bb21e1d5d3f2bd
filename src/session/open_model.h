/// session/open_model.h - which model file, and which engine runs it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/llama_engine.h"
#include "engine/native_engine.h"

namespace rouse {

struct ModelOptions {
  std::string model;  ///< path; empty: the default model
  int n_thread = 0, n_ctx = 0, n_batch = 512, n_gpu_layer = 0, n_cpu_moe = 0;
  std::vector<std::string> overrides;  ///< PATTERN=DEVICE
  std::string kv_type = "f16", flash = "on";
  std::string kv_type_v = "";   ///< of the values; empty: the keys', and nothing else will do
  std::string engine = "auto";  ///< auto, native or libllama
  int n_slot = 0;  ///< of libllama's engine: experts that a row runs; 0: as many as the methods need
  std::function<void(double done)> progress = {};  ///< of loading; may be empty
};
/// Where the default model lies: here, beside the binary's source tree, or where it was installed; "" if
/// nowhere.
std::string default_model();
/// The file of `o`, or the default model. Throws Error (exit 3) saying how
/// to get one.
std::string model_path(const ModelOptions& o);

/// A model that one of the engines has read.
struct OpenedModel {
  std::shared_ptr<const Model> native;  ///< one of the two
  std::shared_ptr<const LlamaModel> llama;
  const GgufFile& file() const { return native ? native->file() : llama->file(); }
  /// Shared with the weights.
  std::shared_ptr<const ModelSpec> spec() const;
  std::unique_ptr<Engine> engine(const EngineOptions& options) const;
};

/// Reads the weights. n_slot: experts that a row must be able to run, by what the routers are; none: those of
/// the model's own rule. Throws Error (bad_model; usage of `engine`).
OpenedModel open_model(const ModelOptions& o, std::shared_ptr<const Devices> devices,
                       const std::function<int(const RouterSpec&)>& n_slot = {});

}  // namespace rouse
