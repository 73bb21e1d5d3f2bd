#include "engine/engine.h"

#include <algorithm>
#include <map>
#include <new>

#include "base/statistics.h"
#include "routing/route.h"

namespace rouse {

void Abilities::need(bool ok, const std::string& who, const std::string& what) const {
  if (!ok)
    throw Error(cat(who, " needs ", what, ", which ", engine, " does not give"), ErrorKind::unsupported);
}

Engine::Engine(const ModelSpec& spec, const GgufFile& file, const EngineOptions& options,
               const Abilities& abilities, int n_sequence)
    : cells_((std::max(options.n_cell > 0 ? options.n_cell : options.n_ctx, 1) + kKvWindow - 1) / kKvWindow *
                 kKvWindow,
             n_sequence),
      expert_reads_(static_cast<size_t>(spec.n_layer)),
      spec_(spec),
      file_(file),
      options_(options),
      abilities_(abilities),
      kept_(cells_, abilities.parts) {}

void Engine::count_reads(int block, int64_t n_expert, int64_t bytes) {
  cost_.weight_bytes += n_expert * bytes;
  expert_reads_[static_cast<size_t>(block)].fetch_add(n_expert, std::memory_order_relaxed);
}

SeqId Engine::fork(SeqId from, int n_token) {
  abilities_.need(abilities_.parts || n_token == 0 || n_token == length(from), "this",
                  "a sequence that begins with a part of another");
  return cells_.fork(from, n_token);
}

void Engine::trim(SeqId seq, int n_token) {
  abilities_.need(abilities_.parts || n_token == 0 || n_token >= length(seq), "this",
                  "a sequence without its tail");
  cells_.trim(seq, n_token);
}

/// How many rows there are.
size_t Engine::check(const Step& step) const {
  size_t n_row = 0;
  std::vector<int> added(static_cast<size_t>(cells_.n_sequence()));
  for (const RowGroup& group : step.batch)
    for (const Row& row : group.rows) {
      require(cells_.is_open(row.seq), "sequence ", row.seq, " is not open");
      require(row.token >= 0 && row.token < spec_.n_vocab, "token ", row.token, " is outside 0..",
              spec_.n_vocab - 1);
      const int position = length(row.seq) + added[static_cast<size_t>(row.seq)]++;
      require_room(position < n_ctx(), "n_ctx", "the context is full: a text of more than ", n_ctx(),
                   " tokens does not fit");
      group.policy->choice().admit(position);
      ++n_row;
    }
  require_room(n_row <= static_cast<size_t>(n_free()), "n_ctx", "the context is full: ", n_row,
               " more tokens do not fit into the ", n_free(), " free of ", n_cell(), " cells");
  const size_t n_noise = step.perturbation.noise.size();
  require(n_noise == 0 || n_noise == n_row * static_cast<size_t>(spec_.n_embd), "noise of ", n_noise,
          " values for ", n_row, " rows of ", spec_.n_embd);
  return n_row;
}

void Engine::begin_result(const Step& step, size_t n_row) {
  std::vector<float> room = std::move(result_.logits_data);  // often tens of megabytes
  result_ = {};
  room.clear();
  result_.logits_data = std::move(room);
  result_.n_vocab = spec_.n_vocab;
  result_.n_embd = spec_.n_embd;
  result_.logits_at.assign(n_row, -1);
  result_.hidden_at.assign(n_row, -1);
  result_.exits.resize(step.taps.exits.size());
  if (step.taps.heads) result_.heads.resize(static_cast<size_t>(spec_.n_layer));
  result_.ffn_inputs.resize(step.taps.ffn_layers.size());
  result_.row_evaluations.resize(n_row);
  if (step.taps.routing) result_.routing.resize(n_row);
}

std::vector<Engine::FlatRow> Engine::rows_of(const Step& step) {
  std::vector<FlatRow> rows;
  for (const RowGroup& group : step.batch)
    for (const Row& row : group.rows) rows.push_back({group.policy, group.shift, row, rows.size()});
  return rows;
}

RoutedRow Engine::routed_row(std::span<const float> logits, std::span<const int> chosen) const {
  std::vector<float> gates(logits.size());
  router_gates(spec_.router, logits, gates);
  RoutedRow out{{chosen.begin(), chosen.end()}, {}, {logits.begin(), logits.end()}};
  for (const int expert : chosen) out.gates.push_back(gates[static_cast<size_t>(expert)]);
  return out;
}

void Engine::note_spoiled(size_t at, SeqId seq, int position) {
  if (const auto spoiled = cells_.spoiled(seq, position + 1))
    result_.faults[at] = cat("block ", spoiled->block, ": the router's scores of the token at position ",
                             spoiled->position, " are not finite");
}

void Engine::note_unsound(size_t at, std::span<const float> logits, int position) {
  if (const size_t bad = first_unsound(logits); bad < logits.size() && !result_.faults.count(at))
    result_.faults[at] = cat("the logit of token ", bad, " after position ", position, " is ", logits[bad]);
}

const StepResult& Engine::run(const Step& step) {
  const size_t n_row = check(step);
  check_step(step, n_row);
  const Cost cost_before = cost_;
  std::map<SeqId, int> length_before;
  for (const RowGroup& group : step.batch)
    for (const Row& row : group.rows) length_before.emplace(row.seq, length(row.seq));
  try {
    begin_result(step, n_row);
    run_rows(step);
  } catch (...) {
    for (const auto& [seq, n_token] : length_before) cells_.trim(seq, n_token);
    cost_ = cost_before;
    result_ = {};
    try {
      throw;
    } catch (const std::bad_alloc&) {
      throw Error("not enough memory for a step", ErrorKind::no_room);
    }
  }
  result_.cost = cost_ - cost_before;
  return result_;
}

void Engine::run_head(std::span<HeadRows> items) {
  try {
    run_head_rows(items);
  } catch (const std::bad_alloc&) {
    throw Error("not enough memory for the output head", ErrorKind::no_room);
  }
  for (const HeadRows& item : items) cost_ += item.cost;
}

}  // namespace rouse
