/// engine/head.h - the output head for rows that already ran: logits of a few tokens, or of all.
#pragma once

#include <map>
#include <memory>

#include "model/model.h"

namespace rouse {

class Head {
 public:
  explicit Head(const Model& model) : model_(model) {}
  /// rows: row-major [n][n_embd], after the final norm; out: row-major [n][tokens.size()] receives the logits
  /// of `tokens`, or with none given of the whole vocabulary. Throws Error naming a token whose logit is NaN
  /// or +inf.
  void logits(std::span<const float> rows, std::span<const int> tokens, std::span<float> out);
  /// The final norm, in place, for rows that left early; row-major [n][n_embd].
  void norm(std::span<float> rows) const;

 private:
  struct Graph {
    ggml_context_ptr context;
    ggml_backend_sched_ptr scheduler;
    ggml_tensor *hidden = nullptr, *logits = nullptr;
    ggml_cgraph* graph = nullptr;
  };
  void compute(std::span<const float> rows, std::span<const int> tokens, std::span<float> out);
  void all(std::span<const float> rows, std::span<float> out);
  Graph& graph_for(int n_row);
  const Model& model_;
  std::map<int, Graph> graphs_;  ///< by number of rows
};

}  // namespace rouse
