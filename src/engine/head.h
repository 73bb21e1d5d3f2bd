/// engine/head.h - the output head alone, for rows that already ran: logits of a few tokens, or of all.
#pragma once

#include <map>
#include <memory>

#include "engine/head_rows.h"
#include "model/model.h"

namespace rouse {

class Head {
 public:
  explicit Head(const Model& model) : model_(model) {}
  /// Fills in what is wanted of all items. Rows that want the whole vocabulary run together; logits of few
  /// tokens are products of those columns alone. Throws Error where memory or a backend fails.
  void run(std::span<HeadRows> items);
  /// The final norm, in place, for rows that left early; row-major [n][n_embd].
  void norm(std::span<float> rows) const;

 private:
  struct Graph {
    ggml_context_ptr context;
    ggml_backend_sched_ptr scheduler;
    ggml_tensor *hidden = nullptr, *logits = nullptr;
    ggml_cgraph* graph = nullptr;
  };
  bool columns_suffice(std::span<const int> tokens) const;
  void run_columns(HeadRows& item, std::span<const float> rows) const;
  void all(std::span<const float> rows, std::span<float> out);
  Graph& graph_for(int n_row);
  const Model& model_;
  std::map<int, Graph> graphs_;  ///< by number of rows
};

}  // namespace rouse
