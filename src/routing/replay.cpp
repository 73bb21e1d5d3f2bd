/// routing/replay.cpp - the experts that `rouse trace` recorded, position by position: reproduction, and
/// routing of one quantisation under another. Weights follow the model's rule over the present gates, or with
/// `gates` over those that were recorded: then nothing of the present router is left.
#include "base/error.h"
#include "base/quoting.h"
#include "base/text.h"
#include "routing/arguments.h"
#include "routing/choices.h"
#include "routing/trace.h"

namespace rouse {
namespace {

uint64_t hash_of(const Trace& trace) {
  uint64_t hash = 0;
  for (const TraceRow& row : trace.rows) {
    std::string text = hex64(hash);
    for (const auto& ids : row.experts) {
      for (const int id : ids) text += cat(',', id);
      text += ';';
    }
    hash = hash_text(text);
  }
  return hash;
}

class Replay final : public Choice {
 public:
  Replay(const std::string& path, std::shared_ptr<const Trace> trace, bool gates)
      : path_(path), trace_(std::move(trace)), gates_(gates) {}
  std::string text() const override { return cat("replay:", quote(path_), gates_ ? ",gates" : ""); }
  uint64_t content_hash() const override { return hash_of(*trace_); }

  void bind(const RouterSpec& router, const Mask& mask) override {
    require_file(trace_->n_expert == router.n_expert && trace_->layers == router.layers, path_,
                 ": a trace of ", trace_->layers.size(), " MoE layers x ", trace_->n_expert,
                 " experts, the model has ", router.layers.size(), " x ", router.n_expert);
    counts_.assign(trace_->layers.size(), 0);
    for (const TraceRow& row : trace_->rows)
      for (size_t l = 0; l < row.experts.size(); ++l) {
        const int count = static_cast<int>(row.experts[l].size());
        ragged_ = ragged_ || (counts_[l] != 0 && counts_[l] != count);
        counts_[l] = std::max(counts_[l], count);
        for (const int expert : row.experts[l])
          require_usage(!std::binary_search(mask.begin(), mask.end(), std::pair(trace_->layers[l], expert)),
                        path_, ": the trace uses expert ", trace_->layers[l], ".", expert,
                        ", which the mask forbids");
      }
  }
  int max_count(int layer) const override { return counts_[index(layer)]; }
  bool ragged() const override { return ragged_; }
  int depth(int) const override { return 0; }
  int choose(const RouterRow& row, std::span<int> out) const override {
    const auto& ids = trace_->rows[static_cast<size_t>(row.position)].experts[index(row.layer)];
    std::copy(ids.begin(), ids.end(), out.begin());
    return static_cast<int>(ids.size());
  }
  std::span<const float> gates(const RouterRow& row) const override {
    if (!gates_) return {};
    return trace_->rows[static_cast<size_t>(row.position)].gates[index(row.layer)];
  }
  void admit(int64_t position) const override {
    require_file(position < static_cast<int64_t>(trace_->rows.size()), path_, ": the trace has ",
                 trace_->rows.size(), " positions, position ", position, " was asked for");
  }

 private:
  size_t index(int layer) const { return layer_index(trace_->layers, layer); }

  std::string path_;  ///< or name
  std::shared_ptr<const Trace> trace_;
  bool gates_;
  std::vector<int> counts_;
  bool ragged_ = false;
};

}  // namespace

std::unique_ptr<Choice> replay(const std::string& text, const RoutingFiles& files) {
  Arguments arguments("replay", text);
  const std::string path = arguments.leading();
  const bool gates = arguments.flag("gates");
  arguments.finish();
  require_usage(!path.empty(), "policy replay: expected replay:TRACE, a file written by `rouse trace`");
  const std::shared_ptr<const Trace> trace = files.trace(path);
  for (const TraceRow& row : trace->rows) {
    require_file(!gates || row.gates.size() == row.experts.size(), path, ": position ", row.position,
                 " has no gates to weigh by");
    for (size_t l = 0; gates && l < row.gates.size(); ++l) {
      float sum = 0;
      for (const float g : row.gates[l]) sum += g;
      require_file(sum > 0 && row.gates[l].size() == row.experts[l].size(), path, ": position ", row.position,
                   " has gates that sum to ", sum, " in block ", trace->layers[l]);
    }
  }
  return std::make_unique<Replay>(path, trace, gates);
}

}  // namespace rouse
