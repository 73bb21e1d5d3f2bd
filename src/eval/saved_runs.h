/// eval/saved_runs.h - the folders that evaluations leave, read again. Reads only.
#pragma once

#include <filesystem>
#include <map>

#include "eval/task.h"

namespace rouse {

/// A run: the folder of one method.
struct EvalRun {
  std::string folder, method;
  std::string model, fingerprint;  ///< the model's name and its file
  EvalJson results;                ///< of its newest results file; null: nothing is finished
  std::map<std::string, std::vector<EvalJson>> samples;  ///< by task
  std::map<std::string, std::string> unfinished;         ///< by task: "37 of 200" items are saved
};
/// The newest file of a folder that begins and ends so, or "".
std::string newest_file(const std::filesystem::path& folder, const std::string& begin,
                        const std::string& end);
/// The newest results file of a folder, each task with its groups and cost. Throws Error when there is none,
/// or when it is damaged (usage: or of an earlier rouse).
EvalJson newest_results(const std::filesystem::path& folder);
/// The metric of a finished task that is shown first, as its results name it. Throws Error (usage) where they
/// do not and rouse does not know the task.
std::string metric_of(const EvalRun& run, const std::string& task);
/// Results and samples.
EvalRun read_run(const std::filesystem::path& folder);
/// The run in a folder, or the runs in the folders it holds; `unfinished`: with tasks that are not done.
/// Throws Error (usage) when there is none.
std::vector<EvalRun> read_runs(const std::string& folder, bool unfinished = false);

}  // namespace rouse
