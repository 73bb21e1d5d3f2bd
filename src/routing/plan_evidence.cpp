#include "routing/plan_evidence.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json.h"

namespace rouse {
namespace {

constexpr double kMost = 1e30;  // of a change of nats
constexpr size_t kMostMoves = 4096;

Json change_json(const MeanChange& c) {
  return std::isnan(c.mean) ? Json(nullptr) : Json::array({c.mean, c.low, c.high});
}
Json changes_json(const std::vector<Evidence::Change>& changes) {
  Json out = Json::array();
  for (const Evidence::Change& c : changes)
    out.push_back({{"all", change_json(c.all)}, {"hard", change_json(c.hard)}});
  return out;
}

MeanChange read_change(const JsonValue& value) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  if (value.is_null()) return {kUnknown, kUnknown, kUnknown};
  const auto three = value.reals(3, 3, -kMost, kMost);
  return {three[0], three[1], three[2]};
}
std::vector<Evidence::Change> read_changes(const JsonValue& value, size_t n) {
  std::vector<Evidence::Change> out;
  for (const JsonValue& c : value.list(n, n)) {
    c.only({"all", "hard"});
    out.push_back({read_change(c.at("all")), read_change(c.at("hard"))});
  }
  return out;
}
int block(const JsonValue& value, const std::vector<int>& layers) {
  const auto found = value.integer(0, INT32_MAX);
  if (!std::binary_search(layers.begin(), layers.end(), static_cast<int>(found)))
    value.refuse("one of the plan's layers");
  return static_cast<int>(found);
}
int count(const JsonValue& value) {
  return static_cast<int>(value.integer(0, INT32_MAX));
}

Evidence::Move read_move(const JsonValue& m, const std::vector<int>& layers) {
  m.only({"from", "to", "net", "error", "lower", "p", "supported"});
  return {block(m.at("from"), layers),  block(m.at("to"), layers),         m.at("net").real(-kMost, kMost),
          m.at("error").real(0, kMost), m.at("lower").real(-kMost, kMost), m.at("p").real(0, 1),
          m.at("supported").boolean()};
}

}  // namespace

Json evidence_json(const Evidence& e) {
  Json moves = Json::array(), trials = Json::array();
  for (const Evidence::Move& m : e.moves)
    moves.push_back({{"from", m.from},
                     {"to", m.to},
                     {"net", m.net},
                     {"error", m.error},
                     {"lower", m.lower},
                     {"p", m.p},
                     {"supported", m.supported}});
  for (const Evidence::Trial& t : e.trials)
    trials.push_back({{"k", t.budget}, {"change", change_json(t.change)}, {"kept", t.kept}});
  return {{"verdict", e.verdict},
          {"base", e.base},
          {"by_R", e.proposed.empty() ? Json(nullptr) : Json(e.proposed)},
          {"documents", e.n_document},
          {"held_out", e.n_held_out},
          {"tokens", e.n_token},
          {"hard_tokens", e.n_hard},
          {"one_less", changes_json(e.less)},
          {"one_more", changes_json(e.more)},
          {"moves_tried", e.n_move},
          {"moves", moves},
          {"trials", trials}};
}

Evidence read_evidence(const JsonValue& value, const std::vector<int>& layers, int n_expert) {
  value.only({"verdict", "base", "by_R", "documents", "held_out", "tokens", "hard_tokens", "one_less",
              "one_more", "moves_tried", "moves", "trials"});
  const size_t n = layers.size();
  const auto budget = [&](const JsonValue& v) { return v.integers(n, n, 1, n_expert); };
  Evidence e;
  e.verdict = value.at("verdict").text(4096);
  e.base = budget(value.at("base"));
  if (const auto proposed = value.find("by_R")) e.proposed = budget(*proposed);
  e.n_document = count(value.at("documents"));
  e.n_held_out = count(value.at("held_out"));
  e.n_token = count(value.at("tokens"));
  e.n_hard = count(value.at("hard_tokens"));
  e.less = read_changes(value.at("one_less"), n);
  e.more = read_changes(value.at("one_more"), n);
  e.n_move = count(value.at("moves_tried"));
  for (const JsonValue& m : value.at("moves").list(0, kMostMoves)) e.moves.push_back(read_move(m, layers));
  for (const JsonValue& t : value.at("trials").list(0, n)) {
    t.only({"k", "change", "kept"});
    e.trials.push_back({budget(t.at("k")), read_change(t.at("change")), t.at("kept").boolean()});
  }
  return e;
}

}  // namespace rouse
