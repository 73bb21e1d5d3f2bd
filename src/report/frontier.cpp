#include "report/frontier.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "eval/cost.h"

namespace rouse {

Json points_of(std::span<const EvalRun> runs) {
  Json tasks = Json::object();
  for (const EvalRun& run : runs) {
    if (run.results.is_null()) continue;
    for (const auto& [task, entry] : run.results["rouse"]["tasks"].items()) {
      const std::string metric = metric_of(run, task);
      // DoLa's score is no likelihood, so it has no perplexity; or no item could be scored
      if (!entry["groups"]["all"].contains(metric)) continue;
      const Json& score = entry["groups"]["all"][metric];
      const Json cost = task_cost_json(run.samples.at(task));
      tasks[task].push_back({{"method", run.method},
                             {"policy", run.results["rouse"]["settings"]["policy"]},
                             {"metric", metric},
                             {"score", score["value"]},
                             {"interval", score["interval"]},
                             {"n", score["n"]},
                             {"experts_per_token", cost.value("expert_evaluations_per_token", Json())},
                             {"bytes_per_token", cost.value("weight_bytes_per_token", Json())}});
    }
  }
  return tasks;
}

/// Infinite where it is unknown: such a point is cheaper than none.
static double cost_of(const Json& point) {
  const Json& cost = point["experts_per_token"];
  return cost.is_null() ? std::numeric_limits<double>::infinity() : cost.get<double>();
}

Json pareto_of(Json tasks) {
  for (auto& task : tasks.items()) {
    Json& points = task.value();
    const double sign = !points.empty() && points[0]["metric"] == "perplexity" ? -1 : 1;
    std::stable_sort(points.begin(), points.end(),
                     [](const Json& a, const Json& b) { return cost_of(a) < cost_of(b); });
    const auto beaten = [&](const Json& p) {
      return std::any_of(points.begin(), points.end(), [&](const Json& q) {
        if (q["experts_per_token"].is_null()) return false;
        const double gain = sign * (q["score"].get<double>() - p["score"].get<double>());
        const double saving = cost_of(p) - cost_of(q);
        return gain >= 0 && saving >= 0 && (gain > 0 || saving > 0);
      });
    };
    for (Json& p : points)
      p["on_frontier"] = p["experts_per_token"].is_null() ? Json(nullptr) : Json(!beaten(p));
  }
  return tasks;
}

Json votes_of(std::span<const EvalRun> runs) {
  Json tasks = Json::object();
  for (const EvalRun& run : runs) {
    if (run.results.is_null()) continue;
    for (const auto& [task, entry] : run.results["rouse"]["tasks"].items()) {
      Json curve = Json::array();
      for (int k = 1; entry["groups"]["all"].contains(cat("major@", k)); ++k) {
        const Json& score = entry["groups"]["all"][cat("major@", k)];
        curve.push_back({{"k", k}, {"score", score["value"]}, {"interval", score["interval"]}});
      }
      if (!curve.empty()) tasks[task].push_back({{"method", run.method}, {"major", curve}});
    }
  }
  return tasks;
}

}  // namespace rouse
