/// engine/engine.h - runs batches of row groups over the sequences of one model.
///
/// The engine never asks which decoding method it serves: it appends rows to sequences, routes each by its
/// group's policy, and gives back what was asked of them.
#pragma once

#include <memory>

#include "engine/batch.h"
#include "engine/head.h"
#include "engine/kept_prefixes.h"
#include "engine/kv_cache.h"
#include "engine/step_graph.h"

namespace rouse {

struct EngineOptions {
  int n_ctx = 2048;                   ///< tokens that a sequence may hold
  int n_cell = 0;                     ///< KV cells, shared by all sequences; 0: n_ctx
  int n_batch = 512;                  ///< rows a graph; longer batches run in pieces
  ggml_type kv_type = GGML_TYPE_F16;  ///< F16 or F32
  bool flash_attention = true;        ///< where the backend has it, and rouse's own node on a CPU
};

class Engine {
 public:
  Engine(std::shared_ptr<const Model> model, const EngineOptions& options);

  const Model& model() const { return *model_; }
  const EngineOptions& options() const { return options_; }

  SeqId open(int n_reserve = 0) { return cache_.cells.open(n_reserve); }
  /// Shares the first n_token of `from` without copying.
  SeqId fork(SeqId from, int n_token) { return cache_.cells.fork(from, n_token); }
  void trim(SeqId seq, int n_token) { cache_.cells.trim(seq, n_token); }
  void close(SeqId seq) { cache_.cells.close(seq); }
  int length(SeqId seq) const { return cache_.cells.length(seq); }
  /// Ended texts, for those that begin alike.
  KeptPrefixes& kept() { return kept_; }
  int n_ctx() const { return options_.n_ctx; }
  int n_cell() const { return cache_.cells.n_cell(); }
  int n_free() const { return cache_.cells.n_free(); }  ///< what is kept counts
  int n_sequence_free() const { return cache_.cells.n_sequence_free(); }
  uint64_t kv_bytes() const { return cache_.n_byte; }

  /// Appends every row of the batch to its sequence and runs it. The result is valid until the next run.
  /// All or nothing: where it throws Error (a token, a position, the room in the cache, memory, a backend),
  /// every sequence has the length that it had before.
  const StepResult& run(const Step& step);
  const StepResult& run(const Batch& batch) { return run(Step{batch}); }

  /// The output head alone, for rows that ran with Output::hidden or left early; its rows and bytes are
  /// counted.
  void run_head(std::span<HeadRows> items);

  const Cost& cost() const { return cost_; }
  /// Graphs that had to be built; the other steps of cost() found one of their shape.
  int64_t n_graph_built() const { return n_graph_built_; }

 private:
  struct FlatRow {
    const RoutingPolicy* policy;
    const HeadShift* shift;
    Row row;
    size_t at;  ///< its place in the batch
  };
  static std::vector<FlatRow> rows_in_order(const Step& step);
  void check(const Step& step) const;
  void begin_result(const Step& step, size_t n_row);
  void run_chunks(const Step& step);
  void run_chunk(const Step& step, std::span<const FlatRow> rows);
  std::vector<AttentionSpan> attention_spans(const StepInput& input) const;
  StepGraph& graph_for(const StepShape& shape, const StepInput& input, bool tap_routing);
  void read(const StepGraph& graph, size_t n_row);
  size_t row_of(const StepGraph& graph, const RouteLayer& layer, const StepInput& in, size_t i) const;
  void find_faults(const StepGraph& graph, const StepInput& in, std::span<const FlatRow> rows);
  void count(const StepGraph& graph, const StepInput& in, std::span<const FlatRow> rows);
  void read_routing(const StepGraph& graph, std::span<const FlatRow> rows);

  std::shared_ptr<const Model> model_;
  EngineOptions options_;
  bool flash_attention_, cpu_attention_;
  KvCache cache_;
  KeptPrefixes kept_;
  Head head_;
  std::vector<std::unique_ptr<StepGraph>> graphs_;
  uint64_t tick_ = 0;
  StepResult result_;
  Cost cost_;
  int64_t n_graph_built_ = 0;
};

}  // namespace rouse
