/// eval/method_run.h - one method over tasks: its folder, what of it is there already, and its results.
#pragma once

#include <filesystem>

#include "eval/evaluation.h"

namespace rouse {

/// What tells a run of a method from others.
struct MethodRunOptions {
  MethodOptions method;
  std::filesystem::path output;  ///< the run's folder is made here
  std::string split = "all";     ///< the part of the items that is run
  int order = 0;                 ///< in which the methods were given
};

/// What is finished in its folder is not run again. An item's cost is kept in its row and the task's cost is
/// their sum, so a run that was killed at any moment ends with the figures of one that was not.
class MethodRun {
 public:
  /// All but `run` must outlive it. Throws Error (usage) where the folder holds results of other settings.
  MethodRun(const EvalOptions& o, const Session& session, const MethodRunOptions& run,
            const EvalEvents& events);
  /// False when stopped.
  bool run(std::span<const LoadedEval> tasks);
  const std::filesystem::path& folder() const { return folder_; }
  size_t n_failed() const { return n_failed_; }  ///< items that this run could not score

 private:
  bool finished(const LoadedEval& task, const SampleLog& log) const;
  bool run_task(const LoadedEval& task, const EvalModel& model);
  void add_results(const LoadedEval& task, const std::vector<EvalJson>& rows);
  void save(const LoadedEval& task);

  const EvalOptions& o_;
  const Session& session_;
  const EvalEvents& events_;
  MethodOptions method_;
  RoutingPolicy policy_;
  std::string label_, date_;
  int order_;
  size_t n_failed_ = 0;
  std::filesystem::path folder_;
  EvalJson settings_, results_;
};

}  // namespace rouse
