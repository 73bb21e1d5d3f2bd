#include "calibration/moves.h"

#include <algorithm>

#include "base/error.h"

namespace rouse {

constexpr size_t kMovesKept = 64;  // of those tried, in the plan

Moves::Moves(const MovesInput& input)
    : in_(input),
      router_(input.engine.spec().router),
      policies_(router_),
      held_out_(held_out_documents(input.documents.size(), input.seed)),
      budget_(input.base) {
  effects_.layers = router_.layers;
  for (size_t d = 0; d < in_.documents.size(); ++d) {
    if (std::binary_search(held_out_.begin(), held_out_.end(), d)) continue;
    used_.push_back(d);
    effects_.n_token.push_back(static_cast<int>(in_.documents[d].scored.size()));
  }
  effects_.less.resize(router_.layers.size());
  effects_.more.resize(router_.layers.size());
  for (const int layer : in_.layers) {
    const size_t l = layer_index(router_.layers, layer);
    if (possible(layer, -1)) effects_.less[l].resize(used_.size());
    if (possible(layer, +1)) effects_.more[l].resize(used_.size());
  }
  in_.units.expect(used_.size() * in_.layers.size());
}

bool Moves::possible(int layer, int by) const {
  const int k = in_.base[layer_index(router_.layers, layer)] + by;
  return k >= 1 && k <= router_.n_selectable();
}

/// The base with another k in one layer.
std::vector<int> Moves::changed(size_t l, int by) const {
  std::vector<int> budget = in_.base;
  budget[l] += by;
  return budget;
}

std::optional<Evidence> Moves::run() {
  if (!measure()) return std::nullopt;
  evidence_ = weigh(effects_, in_.seed);
  evidence_.base = in_.base;
  for (const size_t d : used_) evidence_.n_hard += static_cast<int>(in_.strata.hard[d].size());
  evidence_.n_held_out = static_cast<int>(held_out_.size());
  if (!try_moves()) return std::nullopt;
  evidence_.verdict = verdict_of(evidence_, router_.layers, budget_);
  if (evidence_.moves.size() > kMovesKept) evidence_.moves.resize(kMovesKept);
  return evidence_;
}

bool Moves::measure() {
  for (size_t place = 0; place < used_.size(); ++place) {
    const bool whole = measure_document(place);
    in_.probe.release();
    if (!whole) return false;
  }
  return true;
}

/// Units "less and more": {"less": [all, hard, n_hard], "more": the same}, sums over the document's tokens.
bool Moves::measure_document(size_t place) {
  const size_t d = used_[place];
  const Document& document = in_.documents[d];
  bool kept = false;
  for (const int layer : in_.layers) {
    const size_t l = layer_index(router_.layers, layer);
    const auto effect = [&](int by) {
      if (!possible(layer, by)) return Json(nullptr);
      const RoutingPolicy policy = policies_.make(changed(l, by));
      const std::vector<double> after = in_.probe.reroute(policy, layer);
      DocumentEffect sum;
      for (size_t i = 0; i < after.size(); ++i) {
        const double before = in_.losses[d][i], change = after[i] - before;
        sum.all += change;
        if (before + change / 2 > in_.strata.above) sum.hard += change, ++sum.n_hard;
      }
      return Json::array({sum.all, sum.hard, sum.n_hard});
    };
    const std::string name = cat("move:", d, ":", layer);
    const Json* result = in_.units.unit(name, [&] {
      if (!kept) in_.probe.keep(document, document.scored);
      kept = true;
      return Json{{"less", effect(-1)}, {"more", effect(+1)}};
    });
    if (!result) return false;
    const JsonValue value = unit_value(*result, name);
    const auto read = [&](const char* what, std::vector<DocumentEffect>& out) {
      if (out.empty()) return;
      const auto sums = value.at(what).list(3, 3);
      const auto most = static_cast<int64_t>(document.scored.size());
      out[place] = {sums[0].real(-kMostNats, kMostNats), sums[1].real(-kMostNats, kMostNats),
                    static_cast<int>(sums[2].integer(0, most))};
    };
    read("less", effects_.less[l]);
    read("more", effects_.more[l]);
  }
  return true;
}

/// Supported moves one after the other, each kept if the held-out documents do not pay for it.
bool Moves::try_moves() {
  for (const Evidence::Move& m : compatible(evidence_.moves)) {
    std::vector<int> budget = budget_;
    --budget[layer_index(router_.layers, m.from)];
    ++budget[layer_index(router_.layers, m.to)];
    const auto change = on_held_out(budget);
    if (!change) return false;
    const bool kept = change->mean <= kMostHarm;
    evidence_.trials.push_back({budget, *change, kept});
    if (kept) budget_ = budget;
  }
  return true;
}

std::optional<MeanChange> Moves::on_held_out(const std::vector<int>& budget) {
  const RoutingPolicy policy = policies_.make(budget);
  const auto first = std::mismatch(budget.begin(), budget.end(), in_.base.begin()).first - budget.begin();
  const int layer = router_.layers[static_cast<size_t>(first)];
  std::vector<double> sums;
  std::vector<int> counts;
  in_.units.expect(held_out_.size());
  for (const size_t d : held_out_) {
    const Document& document = in_.documents[d];
    const std::string name = cat("trial:", d, ":", budget_text(budget));
    const Json* result = in_.units.unit(name, [&] {
      in_.probe.keep(document, document.scored);
      const std::vector<double> after = in_.probe.reroute(policy, layer);
      double sum = 0;
      for (size_t i = 0; i < after.size(); ++i) sum += after[i] - in_.losses[d][i];
      return Json::array({sum});
    });
    in_.probe.release();
    if (!result) return std::nullopt;
    sums.push_back(unit_numbers(*result, 1, name)[0]);
    counts.push_back(static_cast<int>(document.scored.size()));
  }
  return mean_change(sums, counts, in_.seed);
}

}  // namespace rouse
