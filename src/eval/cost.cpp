#include "eval/cost.h"

#include <algorithm>
#include <numeric>

#include "base/json.h"
#include "base/text.h"

namespace rouse {
namespace {

/// The whole numbers of a cost and their names in a row.
struct Field {
  const char* name;
  int64_t ItemCost::*member;
};
constexpr Field kFields[] = {{"tokens", &ItemCost::n_token},
                             {"text_tokens", &ItemCost::n_text},
                             {"rows", &ItemCost::rows},
                             {"expert_evaluations", &ItemCost::expert_evaluations},
                             {"weight_bytes", &ItemCost::weight_bytes},
                             {"head_rows", &ItemCost::head_rows},
                             {"prompts_cut", &ItemCost::n_cut}};
/// Of one item: a sum of a million of them stays a 64-bit number.
constexpr int64_t kMost = int64_t{1} << 42;
constexpr double kMostSeconds = 1e12;

}  // namespace

ItemCost& ItemCost::operator+=(const ItemCost& o) {
  for (const Field& field : kFields) this->*field.member += o.*field.member;
  seconds += o.seconds;
  return *this;
}

EvalJson item_cost_json(const ItemCost& cost) {
  EvalJson out;
  for (const Field& field : kFields) out[field.name] = cost.*field.member;
  out["seconds"] = cost.seconds;
  return out;
}

ItemCost parse_item_cost(const JsonValue& cost) {
  ItemCost out;
  for (const Field& field : kFields) out.*field.member = cost.at(field.name).integer(0, kMost);
  out.seconds = cost.at("seconds").real(0, kMostSeconds);
  return out;
}

int64_t n_scored(std::span<const EvalJson> rows) {
  return std::count_if(rows.begin(), rows.end(), [](const EvalJson& row) { return !row.contains("error"); });
}

/// The cost of a row that has a score; nothing where it was not kept.
static std::optional<ItemCost> cost_of(const EvalJson& row) {
  if (!row.contains("cost")) return std::nullopt;
  return parse_item_cost(JsonValue(row, "").at("cost"));
}

std::optional<ItemCost> total_cost(std::span<const EvalJson> rows) {
  std::optional<ItemCost> out;
  for (const EvalJson& row : rows) {
    if (row.contains("error")) continue;
    const auto cost = cost_of(row);
    if (!cost) return std::nullopt;
    if (!out) out.emplace();
    *out += *cost;
  }
  return out;
}

EvalJson task_cost_json(std::span<const EvalJson> rows) {
  const int64_t n_item = n_scored(rows);
  const auto total = total_cost(rows);
  if (!total)
    return {{"unknown", n_item ? "an earlier rouse kept no cost with its rows" : "no item has a score"}};
  const auto a_second = [&](int64_t n) {
    return total->seconds > 0 ? static_cast<double>(n) / total->seconds : 0;
  };
  const auto text = static_cast<double>(std::max<int64_t>(1, total->n_text));
  EvalJson out{{"items", n_item},
               {"tokens", total->n_token},
               {"seconds", total->seconds},
               {"items_per_second", a_second(n_item)},
               {"tokens_per_second", a_second(total->n_token)},
               {"expert_evaluations_per_token", static_cast<double>(total->expert_evaluations) / text},
               {"weight_bytes_per_token", static_cast<double>(total->weight_bytes) / text},
               {"counts", item_cost_json(*total)}};
  out["counts"].erase("seconds");
  return out;
}

std::vector<int64_t> shares(int64_t total, std::span<const int64_t> weights) {
  const int64_t sum = std::accumulate(weights.begin(), weights.end(), int64_t{0});
  const int64_t each = total / sum, rest = total % sum;  // apart, so that no product is too large
  std::vector<int64_t> out;
  int64_t before = 0, given = 0;
  for (const int64_t weight : weights) {
    before += weight;
    const int64_t until = each * before + rest * before / sum;
    out.push_back(until - given);
    given = until;
  }
  return out;
}

}  // namespace rouse
