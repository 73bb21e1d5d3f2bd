/// engine/step_graph.h - one compute graph for one shape of step, built once and run many times.
#pragma once

#include <memory>
#include <vector>

#include "engine/attention_cpu.h"
#include "engine/batch.h"
#include "engine/kv_cache.h"
#include "engine/routing_table.h"
#include "model/model.h"

namespace rouse {

/// Rows that attend together: to one window of cells, or with n_kv 0 each to its own cells
/// (engine/attention_cpu.h).
struct AttentionSpan {
  int row_begin = 0, n_row = 0, kv_begin = 0, n_kv = 0;
  bool operator==(const AttentionSpan&) const = default;
};

/// Everything a graph's structure depends on. Equal shapes reuse one graph.
struct StepShape {
  int n_row = 0;
  int n_logits = 0,
      n_hidden = 0;  ///< rows with logits come first among the outputs, then those with hidden alone
  std::vector<AttentionSpan> spans;
  std::vector<uint64_t> policy_shapes;  ///< [n_row]
  std::vector<uint64_t> output_shapes;  ///< [n_logits + n_hidden], by output order
  bool all_rows_to_end = false;  ///< the last block runs every row, not only those with an output (taps)
  std::vector<int> ffn_layers, exits;
  bool heads = false;
  int n_shift = 0;                ///< different head shifts among the rows
  std::vector<int> shift_layers;  ///< blocks that any of them changes
  int first_layer = -1;  ///< rows enter this block after its attention, as hidden rows; -1: as tokens
  bool operator==(const StepShape&) const = default;
  int n_output() const { return n_logits + n_hidden; }
};

/// What changes from step to step.
struct StepInput {
  std::vector<int32_t> tokens, positions;  ///< [n_row]
  std::vector<int64_t> cells;              ///< [n_row]: where each row's key and value go
  std::vector<SeqId> sequences;            ///< [n_row]
  std::vector<int32_t> outputs;            ///< [n_output]: row of each output
  std::vector<RouteInput> routes;          ///< [n_row]
  std::span<const float> hidden;           ///< row-major [n_row][n_embd], for rows that enter part way
  std::vector<const HeadShift*> shifts;    ///< [n_shift]
  std::vector<int32_t> shift_of;           ///< [n_row]: index into shifts, n_shift for none
  Perturbation perturbation;
};

class StepGraph {
 public:
  StepGraph(const Model& model, KvCache& cache, const StepShape& shape, const std::vector<RouteInput>& routes,
            bool tap_routing, bool flash_attention);
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  /// Fills every input and runs. Throws Error if the backend fails.
  void run(const StepInput& input);

  const StepShape& shape() const { return shape_; }
  bool taps_routing() const { return tap_routing_; }
  /// Experts of the step just run, one entry a MoE layer.
  const std::vector<std::unique_ptr<RouteLayer>>& routing() const { return route_layers_; }
  void read_logits(std::span<float> out) const;               ///< row-major [n_logits][n_vocab]
  void read_hidden(std::span<float> out) const;               ///< row-major [n_output][n_embd]
  void read_exit(size_t index, std::span<float> out) const;   ///< row-major [n_output][n_embd]
  void read_heads(size_t block, std::span<float> out) const;  ///< row-major [n_output][n_embd_out]
  void read_ffn_input(size_t index, std::span<float> out) const;

  uint64_t last_used = 0;  ///< for the engine's cache of graphs

 private:
  void build();
  /// [n_embd_head, n_head, n_row] and so on, ready for the cache; v null: the first part of k.
  struct Heads {
    ggml_tensor *q, *k, *v;
  };
  ggml_tensor* attention(ggml_tensor* x, int layer);
  ggml_tensor* shifted(ggml_tensor* heads, int layer);
  Heads projected_heads(ggml_tensor* x, const LayerWeights& w);
  Heads latent_heads(ggml_tensor* x, const LayerWeights& w);
  ggml_tensor* rope(ggml_tensor* t);
  ggml_tensor* attend(ggml_tensor* q, int layer, const AttentionSpan& span, ggml_tensor* mask);
  ggml_tensor* activate(ggml_tensor* gate, ggml_tensor* up);
  ggml_tensor* dense_ffn(ggml_tensor* x, const Gated& w);
  ggml_tensor* moe_ffn(ggml_tensor* x, ggml_tensor* residual, int layer, bool last);
  ggml_tensor* expert_product(ggml_tensor* x, ggml_tensor* logits, RouteLayer& route, size_t piece,
                              const LayerWeights& w);
  ggml_tensor* norm(ggml_tensor* x, ggml_tensor* weight);
  ggml_tensor* scale(ggml_tensor* x, float factor);
  ggml_tensor* input(ggml_type type, int64_t ne0, int64_t ne1, const char* name);
  void keep(std::vector<ggml_tensor*>& list, ggml_tensor* t);
  void perturb(const StepInput& input);
  void fill_shifts(const StepInput& input);
  void fill_temperature(const StepInput& input);
  void fill_masks(const StepInput& input, const std::vector<ggml_tensor*>& masks, int window);

  const Model& model_;
  KvCache& cache_;
  StepShape shape_;
  bool tap_routing_, flash_attention_;
  std::vector<RouteInput> routes_, output_routes_;
  std::vector<std::unique_ptr<RouteLayer>> route_layers_;
  std::vector<std::unique_ptr<RouteNode>> route_nodes_;
  ggml_context_ptr context_;
  ggml_context* g_ = nullptr;
  ggml_cgraph* graph_ = nullptr;
  ggml_backend_sched_ptr scheduler_;
  ggml_tensor *entry_ = nullptr, *tokens_ = nullptr, *positions_ = nullptr, *cells_ = nullptr,
              *outputs_ = nullptr, *shift_of_ = nullptr,
              *temperature_ = nullptr;  ///< [1, 1, n_row]: multiplies queries
  std::vector<ggml_tensor*> shifts_;    ///< [shift layer]: [n_embd_out, n_shift + 1], the last of zeros
  std::vector<ggml_tensor*> masks_, window_masks_;  ///< [span]: all positions; the last `window` ones
  ggml_tensor *hidden_ = nullptr, *logits_ = nullptr;
  std::vector<ggml_tensor*> ffn_inputs_, exits_, heads_;
  std::vector<ggml_fp16_t> mask_scratch_;
  AttentionCells attention_cells_;
  std::vector<std::unique_ptr<AttentionNode>> attention_nodes_;
};

}  // namespace rouse
