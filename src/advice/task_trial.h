/// advice/task_trial.h - benchmarks under the methods of a trial, as `rouse eval` runs them, as many items as
/// the time allows.
#pragma once

#include <functional>
#include <optional>

#include "advice/verdict.h"
#include "eval/evaluation.h"

namespace rouse {

struct TaskTrial {
  ModelOptions model;
  std::vector<std::string> tasks, methods;  ///< the first method is the model as it is; values may be grids
  std::string data, folder;
  double seconds = 0;
  uint64_t seed = 1;
};

constexpr int kLeastItems = 40;  ///< of a task: with fewer only the largest differences would show

/// Items of each task that fit the seconds, by a few items of each under the first method; below kLeastItems
/// nothing is worth running. 0 when stopped.
int items_within(const TaskTrial& trial, const EvalEvents& events);
/// Every task under every method on `n_item` items of each, grids chosen on part of them. Nothing when
/// stopped.
std::optional<std::vector<Measured>> run_task_trial(const TaskTrial& trial, int n_item,
                                                    const EvalEvents& events);

/// Rows of a task under two methods. Right or wrong answers: McNemar's exact test; else random signs.
Measured measured_on_items(const TaskEntry& task, const std::vector<EvalJson>& before,
                           const std::vector<EvalJson>& after, uint64_t seed);

}  // namespace rouse
