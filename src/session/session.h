/// session/session.h - a model with its tokenizer, ready to run.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decoding/scheduler.h"

namespace rouse {

struct ModelOptions {
  std::string model;  ///< path; empty: the default model
  int n_thread = 0, n_ctx = 0, n_batch = 512, n_gpu_layer = 0, n_cpu_moe = 0;
  std::vector<std::string> overrides;  ///< PATTERN=DEVICE
  std::string kv_type = "f16", flash = "on";
  std::function<void(double done)> progress = {};  ///< of loading; may be empty
};
/// Where the default model lies: here, beside the binary's source tree, or where it was installed; "" if
/// nowhere.
std::string default_model();
/// The file of `o`, or the default model. Throws Error (exit 3) saying how
/// to get one.
std::string model_path(const ModelOptions& o);

/// A model with its tokenizer, ready to run, and the amateur of contrastive decoding where one is wanted.
/// options.n_ctx (-c) bounds every text by itself, on each of its method's streams; there are cells for all
/// that run side by side.
struct Session {
  explicit Session(const ModelOptions& o, int n_stream = 1, const std::string& amateur_path = "");
  /// For the methods at hand, `n_parallel` texts at a time. Throws Error (exit 2) when they name two
  /// amateurs.
  Session(const ModelOptions& o, std::span<const MethodOptions> methods, int n_parallel = 1);
  Engines engines() const { return {engine.get(), amateur_engine.get()}; }
  MethodModels models() const { return {model->spec(), accelerated, amateur ? &amateur->spec() : nullptr}; }
  const RouterSpec& router() const { return model->spec().router; }
  /// A generation whose options were checked against each other. Throws Error (exit 2).
  std::unique_ptr<Generation> start(const MethodOptions& method, std::vector<int> prompt,
                                    const GenerateOptions& options, OnText on_text = {},
                                    OnText on_reasoning = {}) const;

  std::shared_ptr<const Devices> devices;
  std::shared_ptr<const Model> model, amateur;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<Engine> engine, amateur_engine;
  bool accelerated = false;
  double load_seconds = 0;

 private:
  Session(const ModelOptions& o, const std::function<int64_t(int64_t n_ctx)>& n_cell,
          const std::string& amateur_path);
};
/// Loads only the weights.
std::shared_ptr<const Model> load_model(const ModelOptions& o, std::shared_ptr<const Devices> devices);

}  // namespace rouse
