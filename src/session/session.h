/// session/session.h - a model with its tokenizer, ready to run.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decoding/scheduler.h"
#include "session/open_model.h"

namespace rouse {

/// A model with its tokenizer, ready to run, and the amateur of contrastive decoding where one is wanted.
/// options.n_ctx (-c) bounds every text by itself, on each of its method's streams; there are cells for all
/// that run side by side.
struct Session {
  /// n_more: experts a block beyond the model's own k that its policies will choose.
  explicit Session(const ModelOptions& o, int n_stream = 1, const std::string& amateur_path = "",
                   int n_more = 0);
  /// For the methods at hand, `n_parallel` texts at a time. Throws Error (exit 2) when they name two
  /// amateurs.
  Session(const ModelOptions& o, std::span<const MethodOptions> methods, int n_parallel = 1);
  Engines engines() const { return {engine.get(), amateur_engine.get()}; }
  MethodModels models() const;
  const RouterSpec& router() const { return spec->router; }
  /// With n_predict = -1 as what fills the context.
  GenerateOptions limited(GenerateOptions options) const;
  /// A generation whose options were checked against each other. Throws Error (exit 2).
  std::unique_ptr<Generation> start(const MethodOptions& method, std::vector<int> prompt,
                                    const GenerateOptions& options, OnText on_text = {},
                                    OnText on_reasoning = {}) const;

  std::shared_ptr<const Devices> devices;
  std::shared_ptr<const ModelSpec> spec;  ///< keeps the weights as long as it lives
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<Engine> engine, amateur_engine;
  bool accelerated = false;
  double load_seconds = 0;

 private:
  struct Needs;
  Session(const ModelOptions& o, const Needs& needs);
};

}  // namespace rouse
