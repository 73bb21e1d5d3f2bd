/// engine/head.h - the output head for rows that already ran: logits of a few tokens, or of all.
#pragma once

#include <memory>

#include "model/weights.h"

namespace rouse {

class Head {
 public:
  explicit Head(const Model& model) : model_(model) {}
  /// hidden [n_embd], after the final norm; out [tokens.size()] receives the logits of `tokens`.
  void columns(std::span<const float> hidden, std::span<const int> tokens, std::span<float> out);
  /// out [n_vocab].
  void all(std::span<const float> hidden, std::span<float> out);

 private:
  const Model& model_;
  ggml_context_ptr context_;
  ggml_backend_sched_ptr scheduler_;
  ggml_tensor *hidden_ = nullptr, *logits_ = nullptr;
  ggml_cgraph* graph_ = nullptr;
};

}  // namespace rouse
