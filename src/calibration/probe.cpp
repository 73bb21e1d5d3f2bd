#include "calibration/probe.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "routing/route.h"

namespace rouse {

Probe::Probe(Engine& engine, const ProbeOptions& options)
    : engine_(engine),
      options_(options),
      budgets_(engine.spec().router),
      standard_(options.budget.empty() ? policy_with("", "") : budgets_.make(options.budget)) {
  options_.naive = options_.naive || !engine.abilities().entry;
}

/// The routing with one more expert under a modifier, "+mask:" or "+force:"; none: as it is.
RoutingPolicy Probe::policy_with(const std::string& modifier, const std::string& expert) const {
  std::string text = options_.routing;
  const size_t at = text.find(modifier);
  if (at == std::string::npos)
    text += modifier + expert;
  else if (!modifier.empty())
    text.insert(at + modifier.size(), expert + ",");
  const RouterSpec& router = engine_.spec().router;
  return options_.files ? RoutingPolicy(text, router, *options_.files) : RoutingPolicy(text, router);
}

double Probe::base_of(int token) const {
  const auto found = std::lower_bound(positions_.begin(), positions_.end(), token);
  return base_[static_cast<size_t>(found - positions_.begin())];
}

/// The other chosen experts, one less than k, and each of them forced.
RoutingPolicy Probe::drop_policy(int layer, const Counterfactual& row) {
  const std::vector<int>& chosen = experts(layer, row.token);
  require_usage(chosen.size() > 1, "block ", layer, " runs one expert: dropping it leaves none");
  std::vector<int> budget;
  for (const int l : standard_.router().layers) budget.push_back(standard_.choice().max_count(l));
  budget[moe_index(layer)] = static_cast<int>(chosen.size()) - 1;
  std::string kept;
  for (const int e : chosen)
    if (e != row.expert) kept += cat(kept.empty() ? "+force:" : ",", layer, ".", e);
  return budgets_.make(budget, kept);
}

const RoutingPolicy& Probe::policy_of(int layer, const Counterfactual& row) {
  const char* how[] = {"+mask:", "+drop:", "+force:"};
  const std::string modifier = how[static_cast<int>(row.how)], expert = cat(layer, ".", row.expert);
  std::string text = modifier + expert;
  if (row.how == Treatment::drop) text += cat("@", row.token);  // it depends on what the row chose
  const auto found = policies_.find(text);
  if (found != policies_.end()) return found->second;
  const auto make = [&] {
    if (row.how == Treatment::drop) return drop_policy(layer, row);
    return options_.budget.empty() ? policy_with(modifier, expert) : budgets_.make(options_.budget, text);
  };
  return policies_.emplace(text, make()).first->second;
}

/// Rows 0 .. last wanted of a document in `seq`, logits where a wanted token is predicted.
static RowGroup document_rows(const RoutingPolicy& policy, SeqId seq, const Document& document,
                              const std::vector<int>& positions) {
  RowGroup group{&policy, {}};
  for (int row = 0; row < positions.back(); ++row) {
    const bool wanted = std::binary_search(positions.begin(), positions.end(), row + 1);
    group.rows.push_back(
        {seq, document.tokens[static_cast<size_t>(row)], wanted ? Output::logits : Output::none});
  }
  return group;
}

static std::vector<double> losses_of(const StepResult& result, const Document& document,
                                     const std::vector<int>& positions) {
  std::vector<double> out;
  for (const int t : positions)
    out.push_back(nll(result.logits(static_cast<size_t>(t - 1)), document.tokens[static_cast<size_t>(t)]));
  return out;
}

static std::vector<double> odds_of(const StepResult& result, const Document& document,
                                   const std::vector<int>& positions) {
  std::vector<double> out;
  for (const int t : positions)
    out.push_back(
        log_odds(result.logits(static_cast<size_t>(t - 1)), document.tokens[static_cast<size_t>(t)]));
  return out;
}

std::vector<double> Probe::losses(const Document& document, const std::vector<int>& positions) {
  const SeqId seq = engine_.open(positions.back());
  const StepResult& result = engine_.run({document_rows(standard_, seq, document, positions)});
  std::vector<double> out = losses_of(result, document, positions);
  engine_.close(seq);
  return out;
}

void Probe::keep(const Document& document, const std::vector<int>& positions) {
  release();
  document_ = &document;
  positions_ = positions;
  n_row_ = positions.back();
  kept_ = engine_.open(n_row_);
  const RowGroup rows = document_rows(standard_, kept_, document, positions);
  const StepResult& result =
      engine_.run({.batch = {&rows, 1},
                   .taps = {.routing = true,
                            .ffn_layers = options_.naive ? std::vector<int>{} : standard_.router().layers}});
  base_ = losses_of(result, document, positions);
  base_odds_ = odds_of(result, document, positions);
  inputs_ = result.ffn_inputs;
  routing_ = result.routing;
}

std::vector<int> layers_to_measure(std::vector<int> asked, const std::vector<int>& moe_layers) {
  for (const int layer : asked)
    require_option(std::count(moe_layers.begin(), moe_layers.end(), layer) == 1, "layers", ": block ", layer,
                   " is not an MoE layer of this model");
  if (asked.empty()) return moe_layers;
  std::sort(asked.begin(), asked.end());
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  return asked;
}

int probe_cells(int n_token) {
  return 2 * n_token + Probe::kRows + kKvWindow;
}

void Probe::release() {
  if (kept_ >= 0) engine_.close(kept_);
  kept_ = -1;
}

/// The kept rows from block `layer` on, or the naive way from the tokens.
const StepResult& Probe::run_kept(SeqId seq, const RoutingPolicy& policy, int layer,
                                  const Perturbation& perturbation) {
  const RowGroup rows = document_rows(policy, seq, *document_, positions_);
  Step step{.batch = {&rows, 1}, .perturbation = perturbation};
  if (!options_.naive) step.entry = layer, step.inputs = inputs_[moe_index(layer)];
  return engine_.run(step);
}

std::vector<double> Probe::reroute(const RoutingPolicy& policy, int layer) {
  const SeqId seq = engine_.open(n_row_);
  std::vector<double> out = losses_of(run_kept(seq, policy, layer, {}), *document_, positions_);
  engine_.close(seq);
  return out;
}

std::vector<double> Probe::perturb(int layer) {
  const std::vector<double>& before = options_.log_odds ? base_odds_ : base_;
  std::vector<double> change(positions_.size(), 0.0);
  const auto n_embd = static_cast<size_t>(engine_.spec().n_embd);
  const int draws = options_.noise ? options_.draws : 1;
  std::vector<float> noise;
  for (int d = 0; d < draws; ++d) {
    if (options_.noise) {
      Random random(options_.seed, static_cast<uint64_t>(layer), static_cast<uint64_t>(d));
      noise.resize(static_cast<size_t>(n_row_) * n_embd);
      for (float& x : noise) x = 1.0f + options_.delta * static_cast<float>(random.normal());
    }
    const SeqId seq = engine_.open(n_row_);
    const StepResult& result =
        run_kept(seq, standard_, layer, {layer, options_.noise ? 1.0f : 1.0f + options_.delta, noise});
    const auto after = options_.log_odds ? odds_of(result, *document_, positions_)
                                         : losses_of(result, *document_, positions_);
    engine_.close(seq);
    for (size_t i = 0; i < change.size(); ++i) change[i] += std::abs(after[i] - before[i]) / draws;
  }
  return change;
}

std::vector<double> Probe::run_cheap(int layer, std::span<const Counterfactual> rows) {
  const auto n_embd = static_cast<size_t>(engine_.spec().n_embd);
  const std::vector<float>& kept = inputs_[moe_index(layer)];
  std::vector<float> inputs;
  std::vector<SeqId> seqs;
  Batch batch;
  for (const Counterfactual& c : rows) {
    const int row = c.token - 1;
    seqs.push_back(engine_.fork(kept_, row));
    batch.push_back(
        {&policy_of(layer, c), {{seqs.back(), document_->tokens[static_cast<size_t>(row)], Output::logits}}});
    const auto begin = kept.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(row) * n_embd);
    inputs.insert(inputs.end(), begin, begin + static_cast<std::ptrdiff_t>(n_embd));
  }
  const StepResult& result = engine_.run({.batch = batch, .entry = layer, .inputs = inputs});
  std::vector<double> out;
  for (size_t i = 0; i < rows.size(); ++i)
    out.push_back(nll(result.logits(i), document_->tokens[static_cast<size_t>(rows[i].token)]));
  for (const SeqId seq : seqs) engine_.close(seq);
  return out;
}

double Probe::run_naive(int layer, const Counterfactual& c) {
  const SeqId seq = engine_.open(c.token);
  RowGroup before{&standard_, {}};
  for (int row = 0; row < c.token - 1; ++row)
    before.rows.push_back({seq, document_->tokens[static_cast<size_t>(row)], Output::none});
  Batch batch;
  if (!before.rows.empty()) batch.push_back(std::move(before));
  batch.push_back(
      {&policy_of(layer, c), {{seq, document_->tokens[static_cast<size_t>(c.token - 1)], Output::logits}}});
  const StepResult& result = engine_.run(batch);
  const double out =
      nll(result.logits(static_cast<size_t>(c.token - 1)), document_->tokens[static_cast<size_t>(c.token)]);
  engine_.close(seq);
  return out;
}

std::vector<Ablation> Probe::ablate(int layer, const std::vector<int>& tokens) {
  std::vector<Counterfactual> rows;
  for (const int token : tokens)
    for (const int expert : routing_[static_cast<size_t>(token - 1)][moe_index(layer)].experts)
      rows.push_back({token, expert, options_.drop ? Treatment::drop : Treatment::ban});
  const std::vector<double> after = intervene(layer, rows);
  std::vector<Ablation> out;
  for (size_t i = 0; i < rows.size(); ++i)
    out.push_back({rows[i].token, rows[i].expert, after[i] - base_of(rows[i].token)});
  return out;
}

std::vector<double> Probe::intervene(int layer, std::span<const Counterfactual> rows) {
  policies_.clear();                                         // those of other blocks and documents
  for (const Counterfactual& c : rows) policy_of(layer, c);  // refuses before anything runs
  std::vector<double> out;
  for (; !rows.empty(); rows = rows.subspan(std::min<size_t>(kRows, rows.size()))) {
    const auto some = rows.first(std::min<size_t>(kRows, rows.size()));
    if (options_.naive) {
      for (const Counterfactual& c : some) out.push_back(run_naive(layer, c));
    } else {
      const auto losses = run_cheap(layer, some);
      out.insert(out.end(), losses.begin(), losses.end());
    }
  }
  return out;
}

const std::vector<int>& Probe::experts(int layer, int token) const {
  return routing_[static_cast<size_t>(token - 1)][moe_index(layer)].experts;
}

std::vector<float> Probe::gates(int layer, int token) const {
  const auto& logits = routing_[static_cast<size_t>(token - 1)][moe_index(layer)].logits;
  std::vector<float> out(logits.size());
  router_gates(standard_.router(), logits, out);
  return out;
}

}  // namespace rouse
