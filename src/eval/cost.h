/// eval/cost.h - what items cost: kept in the sample row of each, and added up from there.
///
/// A sum over rows is what the engine counted for them, whoever ran them and however often the run was killed
/// on the way. What items have in common is shared out: among items that are scored together by the tokens of
/// their texts, so that a shared prompt, which runs once, is paid by all that begin with it; in batches of
/// generated texts rows, evaluations and head rows are a text's own, and a step's bytes of weights are shared
/// by rows. The number of graphs run is nobody's, so it is not kept.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "eval/task.h"

namespace rouse {

struct ItemCost {
  int64_t n_token = 0;  ///< scored or generated
  int64_t n_text = 0;   ///< tokens that were read or written, once each whatever the method's streams
  int64_t rows = 0;     ///< run by the engines, of all streams and samples
  int64_t expert_evaluations = 0;
  int64_t weight_bytes = 0;
  int64_t head_rows = 0;
  int64_t n_cut = 0;   ///< 1: the prompt was too long and lost its beginning
  double seconds = 0;  ///< wall time since the item before it was done; of items scored together their shares

  ItemCost& operator+=(const ItemCost& o);
};

/// The field `cost` of a sample row.
EvalJson item_cost_json(const ItemCost& cost);
/// Throws Error naming the field.
ItemCost parse_item_cost(const JsonValue& cost);

/// Rows of items that have a score: all but those that stand for a failure.
int64_t n_scored(std::span<const EvalJson> rows);
/// What rows cost together. Nothing where one of them has no cost, as an earlier rouse left it, or where
/// there is none.
std::optional<ItemCost> total_cost(std::span<const EvalJson> rows);
/// The cost of a task as results hold it and reports print it: {"items", "tokens", "seconds",
/// "items_per_second", "tokens_per_second", "expert_evaluations_per_token", "weight_bytes_per_token",
/// "counts"}, or {"unknown": why}.
EvalJson task_cost_json(std::span<const EvalJson> rows);

/// A whole number in parts by weight (their sum more than 0), whole numbers that add up to it exactly.
std::vector<int64_t> shares(int64_t total, std::span<const int64_t> weights);

}  // namespace rouse
