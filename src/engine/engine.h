/// engine/engine.h - runs batches of row groups over the sequences of one model.
///
/// An engine never asks which decoding method it serves: it appends rows to sequences, routes each by its
/// group's policy, and gives back what was asked of them. There are two: rouse's own (native_engine.h), and
/// libllama with its routers taken over (llama_engine.h).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch.h"
#include "engine/head_rows.h"
#include "engine/kept_prefixes.h"
#include "model/model_spec.h"

namespace rouse {

struct EngineOptions {
  int n_ctx = 2048;                   ///< tokens that a sequence may hold
  int n_cell = 0;                     ///< KV cells, shared by all sequences; 0: n_ctx
  int n_batch = 512;                  ///< rows a graph; longer batches run in pieces
  int n_sequence = 16;                ///< at most, where each has a state of its own (Abilities::parts)
  ggml_type kv_type = GGML_TYPE_F16;  ///< F16 or F32
  bool flash_attention = true;        ///< where the backend has it, and rouse's own node on a CPU
};

/// What an engine can do beside running rows under a policy. Whoever needs something of it asks first, so
/// that what cannot be done is refused by name and never gives a wrong number.
struct Abilities {
  const char* engine = "rouse's own engine";
  bool hidden = true;  ///< hidden rows, rows that leave early, the output head alone
  bool entry = true;   ///< rows that enter at a block, and what goes into its feed-forward
  bool shifts = true;  ///< shifts of heads
  bool parts = true;   ///< a sequence can forget its tail, and a fork may begin with a part of another
  int n_slot = 0;      ///< experts that a row can choose in a block; 0: any number

  /// Throws Error (unsupported) unless `ok`: "dola needs rows that leave early, which libllama's engine ..."
  void need(bool ok, const std::string& who, const std::string& what) const;
};

class Engine {
 public:
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const ModelSpec& spec() const { return spec_; }
  const GgufFile& file() const { return file_; }
  const EngineOptions& options() const { return options_; }
  const Abilities& abilities() const { return abilities_; }
  /// "CPU 512 MB, CPU_REPACK 1.1 GB": where the weights lie.
  virtual std::string placement_text() const = 0;

  SeqId open(int n_reserve = 0) { return cells_.open(n_reserve); }
  /// Shares the first n_token of `from` without copying. Here and in trim without `Abilities::parts`: all or
  /// none.
  SeqId fork(SeqId from, int n_token);
  void trim(SeqId seq, int n_token);
  void close(SeqId seq) { cells_.close(seq); }
  int length(SeqId seq) const { return cells_.length(seq); }
  /// Ended texts, for those that begin alike.
  KeptPrefixes& kept() { return kept_; }
  int n_ctx() const { return options_.n_ctx; }
  int n_cell() const { return cells_.n_cell(); }
  int n_free() const { return cells_.n_free(); }  ///< what is kept counts
  int n_sequence() const { return cells_.n_sequence(); }
  int n_sequence_free() const { return cells_.n_sequence_free(); }

  /// Appends every row of the batch to its sequence and runs it. The result is valid until the next run.
  /// All or nothing: where it throws Error (a token, a position, the room in the cache, memory, a backend),
  /// every sequence has the length that it had before.
  const StepResult& run(const Step& step);
  const StepResult& run(const Batch& batch) { return run(Step{batch}); }

  /// The output head alone, for rows that ran with Output::hidden or left early; its rows and bytes are
  /// counted.
  void run_head(std::span<HeadRows> items);

  const Cost& cost() const { return cost_; }
  /// Experts whose weights were read in a block so far, each once a step. Any thread may ask.
  int64_t expert_reads(int block) const {
    return expert_reads_[static_cast<size_t>(block)].load(std::memory_order_relaxed);
  }
  /// Graphs that had to be built; the other steps of cost() found one of their shape.
  int64_t n_graph_built() const { return n_graph_built_; }

 protected:
  /// spec and file live as long as the engine does. `abilities.parts` false: n_sequence states at most.
  Engine(const ModelSpec& spec, const GgufFile& file, const EngineOptions& options,
         const Abilities& abilities, int n_sequence = kMaxSequence);
  struct FlatRow {
    const RoutingPolicy* policy;
    const HeadShift* shift;
    Row row;
    size_t at;  ///< its place in the batch
  };
  static std::vector<FlatRow> rows_of(const Step& step);
  /// What only this engine minds; after what every engine does.
  virtual void check_step(const Step& step, size_t n_row) const = 0;
  /// Appends the rows and fills result_ and cost_.
  virtual void run_rows(const Step& step) = 0;
  virtual void run_head_rows(std::span<HeadRows> items) = 0;

  /// What a tap shows of a row: the router's logits [n_expert], and the experts that were chosen, best first.
  RoutedRow routed_row(std::span<const float> logits, std::span<const int> chosen) const;
  /// Marks the row at this place of the batch, where it, or a row before it in its sequence, was routed by
  /// scores that are not finite.
  void note_spoiled(size_t at, SeqId seq, int position);
  /// The same for a logit that is NaN or +inf, unless the row is marked already.
  void note_unsound(size_t at, std::span<const float> logits, int position);
  /// Counts the experts of a block that a step read.
  void count_reads(int block, int64_t n_expert, int64_t bytes);

  KvCells cells_;
  StepResult result_;
  Cost cost_;
  int64_t n_graph_built_ = 0;

 private:
  size_t check(const Step& step) const;
  void begin_result(const Step& step, size_t n_row);

  std::vector<std::atomic<int64_t>> expert_reads_;  ///< [block]
  const ModelSpec& spec_;
  const GgufFile& file_;
  EngineOptions options_;
  Abilities abilities_;
  KeptPrefixes kept_;
};

}  // namespace rouse
