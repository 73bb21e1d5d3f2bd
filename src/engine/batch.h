/// engine/batch.h - what a step runs, and what it gives back.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/kv_cells.h"
#include "routing/policy.h"

namespace rouse {

/// What is wanted of a row. Hidden is the row after the final norm; logits bring it too.
enum class Output { none, hidden, logits };

/// One token appended to a sequence.
struct Row {
  SeqId seq;
  int token;
  Output output = Output::none;
};

/// Added to what the heads of each block give, before the output projection: [n_layer][n_embd_out], or empty
/// for blocks that stay as they are. Inference-time intervention (arXiv:2306.03341) is such a shift.
using HeadShift = std::vector<std::vector<float>>;

/// Rows that share a routing policy. All groups of a batch run in one graph.
struct RowGroup {
  const RoutingPolicy* policy;
  std::vector<Row> rows;
  const HeadShift* shift = nullptr;
};
using Batch = std::vector<RowGroup>;

/// Additional things to read out of every step.
struct Taps {
  bool routing = false;  ///< experts and gates of every row at every MoE layer
  /// Every row as it enters the feed-forward half of these blocks, residual included.
  std::vector<int> ffn_layers = {};
  std::vector<int> exits = {};  ///< rows with an output, after so many blocks, ascending; 0: the embeddings
  bool heads = false;  ///< what the heads give to the output projection, rows with an output, every block
};

/// Multiplies what one MoE block adds to the residual, shared experts included: CoR's probe of a layer.
struct Perturbation {
  int layer = -1;  ///< block number; -1: none
  float scale = 1.0f;
  std::span<const float> noise = {};  ///< row-major [n_row][n_embd] of a batch, multiplies as well; or empty
};

/// One call of the engine: rows, what else is read out of them, what is done to them. It refers to its rows,
/// inputs and noise, which must live until the call returns.
struct Step {
  std::span<const RowGroup> batch;
  Taps taps = {};
  Perturbation perturbation = {};
  /// Rows enter this block after its attention, as the hidden rows `inputs` instead of their tokens:
  /// counterfactuals. Their cells get keys and values of the blocks above only. -1: from the tokens.
  int entry = -1;
  std::span<const float> inputs = {};  ///< row-major [n_row][n_embd], as Taps::ffn_layers gave them
};

/// Experts of one row at one MoE layer.
struct RoutedRow {
  std::vector<int> experts;   ///< best first
  std::vector<float> gates;   ///< the router's gates of those, before any mask
  std::vector<float> logits;  ///< the router's logits [n_expert]
};

/// What was computed so far; measured by counting, never assumed.
struct Cost {
  int64_t rows = 0;                ///< rows run
  int64_t steps = 0;               ///< graphs run
  int64_t expert_evaluations = 0;  ///< (row, layer, expert) triples; shared experts not counted
  int64_t weight_bytes =
      0;                  ///< bytes of weights touched: each expert once a step, however many rows chose it
  int64_t head_rows = 0;  ///< rows that ran the output head
  int64_t idle_evaluations = 0;  ///< run with weight 0, where an engine's graph has more room than was chosen

  Cost operator-(const Cost& o) const {
    return {rows - o.rows,
            steps - o.steps,
            expert_evaluations - o.expert_evaluations,
            weight_bytes - o.weight_bytes,
            head_rows - o.head_rows,
            idle_evaluations - o.idle_evaluations};
  }
  Cost& operator+=(const Cost& o) {
    rows += o.rows, steps += o.steps, expert_evaluations += o.expert_evaluations,
        weight_bytes += o.weight_bytes;
    head_rows += o.head_rows, idle_evaluations += o.idle_evaluations;
    return *this;
  }
};

/// Rows count in the order of the batch, group after group. The accessors throw Error for a row with a fault,
/// so no number of it becomes a score.
struct StepResult {
  int n_vocab = 0, n_embd = 0;
  std::vector<int> logits_at, hidden_at;        ///< [n_row]: index into the arrays below, or -1
  std::vector<float> logits_data;               ///< row-major [..][n_vocab]
  std::vector<float> hidden_data;               ///< row-major [..][n_embd]
  Cost cost;                                    ///< of the whole batch
  std::vector<int> row_evaluations;             ///< [n_row]: expert evaluations of each
  std::vector<std::vector<RoutedRow>> routing;  ///< [n_row][n_moe_layer], when tapped
  std::vector<std::vector<float>> ffn_inputs;   ///< [tapped layer]: row-major [n_row][n_embd], when tapped
  std::vector<std::vector<float>> exits;  ///< [tapped exit]: row-major [..][n_embd], rows as in hidden_data
  std::vector<std::vector<float>> heads;  ///< [n_layer]: row-major [..][n_embd_out], likewise
  /// By row: a router's score or a logit that it or a row before it in its sequence met is not finite.
  std::map<size_t, std::string> faults;

  /// Throws Error naming the block or the position.
  void require_sound(size_t row) const {
    if (const auto found = faults.find(row); found != faults.end()) throw Error(found->second);
  }
  std::span<const float> logits(size_t row) const {
    require_sound(row);
    return std::span(logits_data)
        .subspan(static_cast<size_t>(logits_at[row]) * static_cast<size_t>(n_vocab),
                 static_cast<size_t>(n_vocab));
  }
  /// Empty where the engine gives no hidden rows (Abilities::hidden).
  std::span<const float> hidden(size_t row) const {
    require_sound(row);
    if (hidden_at[row] < 0) return {};
    return std::span(hidden_data)
        .subspan(static_cast<size_t>(hidden_at[row]) * static_cast<size_t>(n_embd),
                 static_cast<size_t>(n_embd));
  }
  /// The row after the blocks of the i-th tapped exit.
  std::span<const float> exit(size_t i, size_t row) const {
    require_sound(row);
    return std::span(exits[i]).subspan(static_cast<size_t>(hidden_at[row]) * static_cast<size_t>(n_embd),
                                       static_cast<size_t>(n_embd));
  }
};

}  // namespace rouse
