/// calibration/probe.h - what happens to a document's losses when a layer is perturbed or an expert ablated.
///
/// An ablation at (layer, row) changes nothing below the layer and, for that row's loss, nothing at other
/// positions. So a probe keeps every layer's rows and the KV cache of one pass, and *counterfactual rows*
/// start at their layer from a kept row, with one expert masked, attending to the kept keys and values before
/// them. The naive way runs the same by full passes; it is there to prove and to time the cheap one.
#pragma once

#include <map>
#include <memory>

#include "calibration/budget_policy.h"
#include "calibration/corpus.h"
#include "engine/engine.h"

namespace rouse {

struct ProbeOptions {
  float delta = 0.1f;  ///< a perturbed MoE block adds (1 + delta) times its output
  bool noise = false;  ///< instead times (1 + delta * xi), xi standard normal, mean over `draws`
  int draws = 4;
  uint64_t seed = 1;
  bool naive = false;            ///< always so on an engine without entry at a block
  bool log_odds = false;         ///< a perturbation's change is of the token's log-odds, not of its NLL
  bool drop = false;             ///< an ablated expert leaves k - 1, else the next in line steps in
  std::vector<int> budget = {};  ///< k of every MoE layer that all is measured against; empty: the model's k
  std::string routing = "topk";  ///< or any other policy, without a budget; its files by `files`
  const RoutingFiles* files = nullptr;
};

/// The loss of one hard token without one of the experts its row used.
struct Ablation {
  int token, expert;  ///< position of the token; expert id
  double change;      ///< NLL without minus NLL with, nats
};

/// What is done to an expert at one block: banned, so that the next in line steps in; dropped from those that
/// were chosen, so that k - 1 remain, weighed by the model's rule over them; or forced in the last-ranked
/// choice's place.
enum class Treatment { ban, drop, force };
/// That, for the row that predicts one token.
struct Counterfactual {
  int token, expert;  ///< position of the token; expert id
  Treatment how = Treatment::ban;
};

/// The MoE layers to measure, ascending and once each: those asked for, or all. Throws Error (usage, of
/// `layers`) for a block that is none.
std::vector<int> layers_to_measure(std::vector<int> asked, const std::vector<int>& moe_layers);

/// Cells that an engine needs to probe documents of at most n_token tokens.
int probe_cells(int n_token);

class Probe {
 public:
  /// The engine needs cells for two documents and kRows more.
  Probe(Engine& engine, const ProbeOptions& options);
  ~Probe() { release(); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  static constexpr int kRows = 128;  ///< counterfactual rows a batch

  /// One pass; NLL of the tokens at `positions`, in nats.
  std::vector<double> losses(const Document& document, const std::vector<int>& positions);

  /// Keeps the document's pass for what follows. positions: tokens whose losses will be asked for.
  void keep(const Document& document, const std::vector<int>& positions);
  const std::vector<double>& kept_losses() const { return base_; }
  /// |change| of each kept position when every row of block `layer` is perturbed.
  std::vector<double> perturb(int layer);
  /// NLL of each kept position when every row is routed by `policy`, which is as ever below block `layer`.
  std::vector<double> reroute(const RoutingPolicy& policy, int layer);
  /// Every expert that the rows of `tokens` (positions) used in block `layer`, ablated one at a time.
  std::vector<Ablation> ablate(int layer, const std::vector<int>& tokens);
  /// NLL of each row's token (a kept one) when the row is treated so in block `layer`. Throws Error (exit 2)
  /// for an expert that cannot be treated so.
  std::vector<double> intervene(int layer, std::span<const Counterfactual> rows);
  /// Experts that the row of `token` used in block `layer`, best first.
  const std::vector<int>& experts(int layer, int token) const;
  /// Gates of block `layer` for the row that predicts `token`: [n_expert].
  std::vector<float> gates(int layer, int token) const;
  void release();

 private:
  std::vector<double> run_cheap(int layer, std::span<const Counterfactual> rows);
  double run_naive(int layer, const Counterfactual& row);
  const RoutingPolicy& policy_of(int layer, const Counterfactual& row);
  RoutingPolicy policy_with(const std::string& modifier, const std::string& expert) const;
  RoutingPolicy drop_policy(int layer, const Counterfactual& row);
  const StepResult& run_kept(SeqId seq, const RoutingPolicy& policy, int layer,
                             const Perturbation& perturbation);
  size_t moe_index(int layer) const { return layer_index(standard_.router().layers, layer); }
  double base_of(int token) const;

  Engine& engine_;
  ProbeOptions options_;
  BudgetPolicies budgets_;
  RoutingPolicy standard_;
  std::map<std::string, RoutingPolicy> policies_;
  const Document* document_ = nullptr;
  std::vector<int> positions_;
  std::vector<double> base_, base_odds_;
  SeqId kept_ = -1;
  int n_row_ = 0;
  std::vector<std::vector<float>> inputs_;       ///< [MoE layer]: rows as they enter its feed-forward half
  std::vector<std::vector<RoutedRow>> routing_;  ///< [row][MoE layer]
};

}  // namespace rouse
