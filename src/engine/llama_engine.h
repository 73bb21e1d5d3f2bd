/// engine/llama_engine.h - libllama runs the model, and rouse routes it.
///
/// libllama's graph runs a fixed number of experts a row, its slots. At every layer that routes the graph is
/// stopped where the router's logits are there, where the experts are chosen, and where their weights are
/// made: rouse's rule writes its own. A row that chose fewer has slots left: other experts run there with
/// weight 0 and are counted as idle. Rows under the model's own rule are left as libllama makes them, bit for
/// bit. What needs a way into the graph's middle is not to be had: see Abilities.
#pragma once

#include <exception>
#include <set>
#include <string_view>
#include <unordered_map>

#include "engine/engine.h"
#include "engine/llama_model.h"
#include "routing/route.h"

namespace rouse {

class LlamaEngine final : public Engine {
 public:
  LlamaEngine(std::shared_ptr<const LlamaModel> model, const EngineOptions& options);

  const LlamaModel& model() const { return *model_; }
  std::string placement_text() const override;

 private:
  /// A node that the graph stops at.
  enum class Stop { logits, chosen, weights, output };
  struct Place {
    Stop stop;
    size_t router;
  };
  /// What was chosen at one layer for the rows of a decode.
  struct Routed {
    std::vector<size_t> rows;    ///< of the decode's rows, those that this layer runs
    std::vector<float> logits;   ///< row-major [rows][n_expert]
    std::vector<int> ids, n;     ///< [rows][n_slot]; [rows]: chosen, the others are idle
    std::vector<float> weights;  ///< [rows][n_slot]
    std::vector<char> unsound;   ///< [rows]
  };

  void check_step(const Step& step, size_t n_row) const override;
  void run_rows(const Step& step) override;
  void run_head_rows(std::span<HeadRows> items) override;
  size_t together(std::span<const FlatRow> rows) const;
  void decode(const Step& step, std::span<const FlatRow> rows);
  static bool on_node(ggml_tensor* node, bool ask, void* self);
  bool wants(const ggml_tensor* node) const;
  void check_order(const ggml_tensor* node);
  void stop_at(ggml_tensor* node, const Place& place);
  void choose(ggml_tensor* chosen, const LlamaRouter& router, Routed& routed);
  void keep_output_rows(Routed& routed) const;
  void choose_row(const LlamaRouter& router, Routed& routed, size_t i, std::span<const int> order);
  void weigh(ggml_tensor* weights, const Routed& routed) const;
  void perturb(ggml_tensor* output, const Routed& routed) const;
  bool own_rule(size_t row) const;
  void take_routing(bool tapped);
  void take_logits();

  std::shared_ptr<const LlamaModel> model_;
  llama_context_ptr context_;
  std::unordered_map<std::string_view, Place> places_;  ///< by node name
  bool odd_names_ = false;                              ///< some do not begin with "ffn_moe_"
  std::set<SeqId> lost_;                                ///< their state went with a step that failed
  RouteScratch scratch_;

  // Of the decode that runs.
  std::span<const FlatRow> rows_;
  Perturbation perturbation_;
  std::vector<int> positions_, cells_of_;
  std::vector<size_t> outputs_;  ///< rows with an output
  bool in_order_ = false;        ///< the graph's rows were seen to be these
  bool rewrites_ = false;        ///< some row is not routed by the model's own rule, or routing is tapped
  std::vector<Routed> routed_;   ///< by router
  std::exception_ptr failed_;
};

}  // namespace rouse
