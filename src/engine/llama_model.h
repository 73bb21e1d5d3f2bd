/// engine/llama_model.h - a model as libllama runs it, and what its routers do, found by watching one run.
///
/// No table of architectures: libllama names the nodes of every mixture-of-experts layer it builds, so one
/// run of a few tokens shows which layers route, by which scores, and how the chosen weights are made. What
/// was found is then put to the test: rouse's own rule must choose the same experts with the same weights. A
/// model where it does not is not routed, and runs as it is.
#pragma once

#include <llama-cpp.h>

#include <memory>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "model/model.h"

namespace rouse {

/// One layer's routing in libllama's graph: names of the nodes, in the order in which they run.
struct LlamaRouter {
  int layer = 0;
  std::string logits;       ///< the router's logits [n_expert, n_row]
  std::string chosen;       ///< [n_slot, n_row], a view of the order of all experts
  std::string weights;      ///< of the chosen, the last node that changes them
  std::string output;       ///< what the block adds to the residual; "": it is not to be seen
  std::vector<float> bias;  ///< added to the gates for the choice alone: [n_expert], or empty
  uint64_t bytes = 0;       ///< of one expert
};

/// Read once and never changed; any number of engines may share one.
class LlamaModel {
 public:
  /// n_slot: experts that a row of a layer runs, whatever it chooses; 0: as many as the model's own rule
  /// chooses. Throws Error (bad_model, of `n_slots` where the model cannot have so many; unsupported, of
  /// `n_slots`, where it cannot have another number: its blocks say theirs each, or it cannot be routed).
  LlamaModel(GgufFile file, std::shared_ptr<const Devices> devices, const Placement& placement = {},
             int n_slot = 0, const Model::Progress& progress = {});
  LlamaModel(const std::string& path, std::shared_ptr<const Devices> devices, const Placement& placement = {},
             int n_slot = 0, const Model::Progress& progress = {})
      : LlamaModel(GgufFile(path), std::move(devices), placement, n_slot, progress) {}
  LlamaModel(const LlamaModel&) = delete;
  LlamaModel& operator=(const LlamaModel&) = delete;

  const GgufFile& file() const { return file_; }
  /// Sizes and routers; the parts that only a graph needs are at their defaults.
  const ModelSpec& spec() const { return spec_; }
  const Devices& devices() const { return *devices_; }
  llama_model* model() const { return model_.get(); }
  const std::vector<LlamaRouter>& routers() const { return routers_; }
  int n_slot() const { return n_slot_; }
  /// Sequences can be shortened, and begin with a part of another: not those with recurrent state.
  bool parts() const { return parts_; }
  uint64_t dense_bytes() const { return dense_bytes_; }
  uint64_t head_bytes() const { return head_bytes_; }

 private:
  void load(const Placement& placement, int n_slot, const Model::Progress& progress);
  void read_spec();
  void weigh();
  void find_routers(int n_slot);

  GgufFile file_;
  std::shared_ptr<const Devices> devices_;
  llama_model_ptr model_;
  ModelSpec spec_;
  std::vector<LlamaRouter> routers_;
  int n_slot_ = 0;
  bool parts_ = true;
  uint64_t dense_bytes_ = 0, head_bytes_ = 0;
};

/// A context of libllama with rouse's settings: one array of cells for all sequences, a graph a batch.
/// Throws Error (no_room) where memory runs out.
llama_context_ptr llama_context_of(const LlamaModel& model, int n_ctx, int n_batch, int n_sequence,
                                   ggml_type kv_type, bool flash_attention,
                                   ggml_backend_sched_eval_callback callback, void* data);
/// The block of a node's name: "ffn_moe_topk-12" is 12; -1: it has none, or is a view with a name of its own.
int node_layer(const char* name);

}  // namespace rouse
