#include "calibration/probe.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"

namespace rouse {

Probe::Probe(Engine& engine, const ProbeOptions& options)
    : engine_(engine), options_(options), standard_("topk", engine.model().spec().router) {}

double Probe::base_of(int token) const {
  const auto found = std::lower_bound(positions_.begin(), positions_.end(), token);
  return base_[static_cast<size_t>(found - positions_.begin())];
}

const RoutingPolicy& Probe::policy_of(int layer, const Counterfactual& row) {
  const std::string text = cat("topk+", row.ban ? "mask:" : "force:", layer, ".", row.expert);
  const auto found = policies_.find(text);
  if (found != policies_.end()) return found->second;
  return policies_.emplace(text, RoutingPolicy(text, standard_.router())).first->second;
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
  const Batch batch = {document_rows(standard_, kept_, document, positions)};
  const StepResult& result =
      engine_.run({.batch = batch, .taps = {.routing = true, .ffn_layers = standard_.router().layers}});
  base_ = losses_of(result, document, positions);
  inputs_ = result.ffn_inputs;
  routing_ = result.routing;
}

void Probe::release() {
  if (kept_ >= 0) engine_.close(kept_);
  kept_ = -1;
}

std::vector<double> Probe::perturb(int layer) {
  std::vector<double> change(positions_.size(), 0.0);
  const auto n_embd = static_cast<size_t>(engine_.model().spec().n_embd);
  const int draws = options_.noise ? options_.draws : 1;
  std::vector<float> noise;
  for (int d = 0; d < draws; ++d) {
    if (options_.noise) {
      Random random(options_.seed, static_cast<uint64_t>(layer), static_cast<uint64_t>(d));
      noise.resize(static_cast<size_t>(n_row_) * n_embd);
      for (float& x : noise) x = 1.0f + options_.delta * static_cast<float>(random.normal());
    }
    const SeqId seq = engine_.open(n_row_);
    const Batch batch = {document_rows(standard_, seq, *document_, positions_)};
    Step step{.batch = batch, .perturbation = {layer, options_.noise ? 1.0f : 1.0f + options_.delta, noise}};
    if (!options_.naive) step.entry = layer, step.inputs = inputs_[moe_index(layer)];
    const std::vector<double> after = losses_of(engine_.run(step), *document_, positions_);
    engine_.close(seq);
    for (size_t i = 0; i < change.size(); ++i) change[i] += std::abs(after[i] - base_[i]) / draws;
  }
  return change;
}

std::vector<double> Probe::run_cheap(int layer, std::span<const Counterfactual> rows) {
  const auto n_embd = static_cast<size_t>(engine_.model().spec().n_embd);
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
      rows.push_back({token, expert});
  const std::vector<double> after = intervene(layer, rows);
  std::vector<Ablation> out;
  for (size_t i = 0; i < rows.size(); ++i)
    out.push_back({rows[i].token, rows[i].expert, after[i] - base_of(rows[i].token)});
  return out;
}

std::vector<double> Probe::intervene(int layer, std::span<const Counterfactual> rows) {
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
