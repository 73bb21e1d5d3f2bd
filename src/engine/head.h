/// engine/head.h - the output head alone, for rows that already ran: logits of a few tokens, or of all.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "engine/batch.h"
#include "model/model.h"

namespace rouse {

/// Rows for the head, and what it gave.
struct HeadRows {
  std::span<const float> rows;       ///< row-major [n][n_embd]
  std::span<const int> tokens = {};  ///< logits of these alone; none given: of the whole vocabulary
  bool norm = false;                 ///< the rows left early: the final norm comes first
  std::vector<float> logits = {};    ///< row-major [n][tokens.size(), or n_vocab]
  std::optional<Error> fault = {};   ///< a logit that is NaN or +inf, by its token
  Cost cost = {};                    ///< its head rows, and its share by rows of the bytes
};

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
