/// engine/llama_probe.h - one short run of a model in libllama, watched: where it routes, and how.
#pragma once

#include <array>
#include <map>

#include "engine/llama_model.h"

namespace rouse {

class LlamaProbe {
 public:
  /// Runs a few tokens. Throws Error where libllama cannot run the model at all.
  explicit LlamaProbe(const LlamaModel& model);
  LlamaProbe(const LlamaProbe&) = delete;
  LlamaProbe& operator=(const LlamaProbe&) = delete;

  bool parts() const { return parts_; }
  /// The layers that route, ascending, and in `router` what all of them do. None for a dense model. Throws
  /// Error (unsupported) saying why a model with experts cannot be routed.
  std::vector<LlamaRouter> routers(RouterSpec& router) const;

 private:
  /// What was seen of one layer. Nodes are those of the run's graph, gone with it.
  struct Seen {
    int n_chosen = 0;  ///< choices in this block
    int64_t n_expert = 0, n_slot = 0, n_row = 0;
    bool grouped = false, renormalized = false, biased = false;
    int gate = -1;  ///< 0: softmax, 1: sigmoid, 2: softmax over the chosen; -1: another
    float scale = 1;
    ggml_tensor *gates = nullptr, *selection = nullptr;
    LlamaRouter names;
    std::vector<float> logits, weights;  ///< row-major
    std::vector<int> chosen;             ///< row-major [n_row][n_slot]
    std::string fault;
  };
  static bool on_node(ggml_tensor* node, bool ask, void* self);
  bool look(ggml_tensor* node);
  void read(const ggml_tensor* node);
  void look_at_sum(const ggml_tensor* node, int layer);
  void look_at_gates(ggml_tensor* node, Seen& seen);
  void read_choice(const ggml_tensor* node, Seen& seen);
  void find_logits(ggml_tensor* from, Seen& seen);
  void check_names(LlamaRouter& names) const;
  void compare(const Seen& seen, const RouterSpec& router) const;

  const LlamaModel& model_;
  std::map<int, Seen> seen_;
  std::map<std::string, int> logits_of_;  ///< names of logits nodes that were seen, by layer
  std::map<std::string, int> n_named_;    ///< how many nodes have a name
  bool parts_ = true;
};

}  // namespace rouse
