/// report/frontier.h - scores beside costs: which settings nothing as cheap is as good as, and how answers of
/// several samples vote.
#pragma once

#include <span>

#include "base/json.h"
#include "eval/saved_runs.h"

namespace rouse {

/// By task [{"method", "policy", "metric", "score", "interval", "n", "experts_per_token", "bytes_per_token"}]
/// of finished tasks. Costs are sums over the runs' rows; null where they are unknown.
Json points_of(std::span<const EvalRun> runs);
/// The same in the order of their cost, each with "on_frontier": nothing as cheap is as good. A point of
/// unknown cost comes last and is null there.
Json pareto_of(Json points);
/// By task [{"method", "major": [{"k", "score", "interval"}]}] of runs with several samples an item.
Json votes_of(std::span<const EvalRun> runs);

}  // namespace rouse
