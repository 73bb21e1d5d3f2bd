/// cli/eval_command.h - what the parts of `rouse eval` share.
#pragma once

#include "cli/command.h"
#include "eval/runner.h"

namespace rouse {

struct EvalOptions {
  ModelOptions model;
  std::vector<std::string> tasks, methods;
  std::string data, output;
  int limit = 0, n_shot = -1, n_window = 512;
  uint64_t sample_seed = 1;
  RunnerOptions runner;
  SandboxLimits limits;
  bool json = false, unsafe_exec = false;
};
/// Runs every task under every method. Returns the exit code.
int eval_run(EvalOptions options);

/// A finished run: the folder of one method.
struct EvalRun {
  std::string folder, method;
  Json results;                                          ///< of its newest results file
  std::map<std::string, std::vector<EvalJson>> samples;  ///< by task
};
/// The run in a folder, or the runs in the folders it holds. Throws Error (exit 2) when there is none.
std::vector<EvalRun> read_runs(const std::string& folder);
/// {"tasks": ..., "comparisons": ...}: the scores of runs, and each against the first on the same items with
/// Holm's correction over all of them.
Json report_of(const std::vector<EvalRun>& runs);
void print_report(const Json& report, bool markdown = false);

}  // namespace rouse
