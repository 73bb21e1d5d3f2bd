/// engine/native_engine.h - rouse's own engine: its own graphs, which run exactly the experts that each row
/// chose, enter at any block, and give every row on the way.
#pragma once

#include "engine/engine.h"
#include "engine/head.h"
#include "engine/kv_cache.h"
#include "engine/step_graph.h"

namespace rouse {

class NativeEngine final : public Engine {
 public:
  NativeEngine(std::shared_ptr<const Model> model, const EngineOptions& options);

  const Model& model() const { return *model_; }
  std::string placement_text() const override { return model_->placement_text(); }
  uint64_t kv_bytes() const { return cache_.n_byte; }

 private:
  std::vector<FlatRow> rows_in_order(const Step& step) const;
  void check_step(const Step& step, size_t n_row) const override;
  void run_rows(const Step& step) override;
  void run_head_rows(std::span<HeadRows> items) override { head_.run(items); }
  void run_chunk(const Step& step, std::span<const FlatRow> rows);
  std::vector<AttentionSpan> attention_spans(const StepInput& input) const;
  StepGraph& graph_for(const StepShape& shape, const StepInput& input, bool tap_routing);
  void read(const StepGraph& graph, size_t n_row);
  size_t row_of(const StepGraph& graph, const RouteLayer& layer, const StepInput& in, size_t i) const;
  void find_faults(const StepGraph& graph, const StepInput& in, std::span<const FlatRow> rows);
  void count(const StepGraph& graph, const StepInput& in, std::span<const FlatRow> rows);
  void read_routing(const StepGraph& graph, std::span<const FlatRow> rows);

  std::shared_ptr<const Model> model_;
  bool flash_attention_, cpu_attention_;
  KvCache cache_;
  Head head_;
  std::vector<std::unique_ptr<StepGraph>> graphs_;
  uint64_t tick_ = 0;
};

}  // namespace rouse
