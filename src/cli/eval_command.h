/// cli/eval_command.h - what the parts of `rouse eval` and `rouse repro` share.
#pragma once

#include <filesystem>

#include "cli/command.h"
#include "eval/runner.h"

namespace rouse {

struct EvalOptions {
  ModelOptions model;
  std::vector<std::string> tasks, methods, sweeps;
  std::string protocol = kOwnProtocol;
  std::string data, output;
  int limit = 0, n_shot = -1, n_window = 512;
  double dev_share = 0.3;  ///< of the items, on which a sweep's best setting is chosen; 0: no choice
  uint64_t sample_seed = 1;
  RunnerOptions runner;
  SandboxLimits limits;
  bool json = false, unsafe_exec = false;
};
void add_eval_options(CLI::App& app, EvalOptions& o);
/// Runs every task under every method and prints the report. Returns the exit code.
int eval_run(EvalOptions options);

/// "weak=rank:1..8", "beta=0.1:0.9:0.2", "routing=topk:2|rank:2": an option and the values it takes.
struct Sweep {
  std::string name;
  std::vector<std::string> values;
};
/// Throws Error (exit 2).
Sweep parse_sweep(const std::string& text);
/// The variants of a method: its own grid ("scmoe weak=rank:1..4 beta=0.3|0.6"), and the sweeps of those
/// options that it reads and does not set itself.
std::vector<std::string> sweep_variants(const std::string& method, std::span<const Sweep> sweeps);
/// Throws Error (exit 2) naming a sweep that none of the methods takes.
void check_sweeps(std::span<const std::string> methods, std::span<const Sweep> sweeps);

/// A task with the items to run.
struct LoadedEval {
  const TaskEntry* entry;
  std::vector<Item> items;
};

/// Tasks with their items; records that could not be read are named on stderr, left out and counted. Running
/// text needs the tokenizer. Throws Error (exit 2) where data is not there.
std::vector<LoadedEval> load_tasks(const EvalOptions& o, std::span<const TaskEntry* const> entries,
                                   const Tokenizer* tokenizer, size_t& n_error);

/// One method over tasks, in a folder of its own: what is finished there is not run again.
class MethodRun {
 public:
  /// `split` names the part of the items that are run. Throws Error (exit 2) where the folder holds results
  /// of other settings.
  MethodRun(const EvalOptions& o, const Session& session, const MethodOptions& method,
            const std::filesystem::path& output, const std::string& split, int order);
  /// False when interrupted.
  bool run(std::span<const LoadedEval> tasks);
  const std::filesystem::path& folder() const { return folder_; }
  size_t n_failed() const { return n_failed_; }  ///< items that this run could not score

 private:
  bool finished(const LoadedEval& task) const;
  void add_results(const LoadedEval& task, const std::vector<EvalJson>& rows, const EvalCost& cost);
  void save(const LoadedEval& task);

  const EvalOptions& o_;
  const Session& session_;
  MethodOptions method_;
  RoutingPolicy policy_;
  std::string label_, date_;
  int order_;
  size_t n_failed_ = 0;
  std::filesystem::path folder_;
  Json settings_, results_;
};

/// A run: the folder of one method.
struct EvalRun {
  std::string folder, method;
  std::string model, fingerprint;  ///< the model's name and its file
  Json results;                    ///< of its newest results file; null: nothing is finished
  std::map<std::string, std::vector<EvalJson>> samples;  ///< by task
  std::map<std::string, std::string> unfinished;         ///< by task: "37 of 200" items are saved
};
/// The newest file of a folder that begins and ends so, or "".
std::string newest_file(const std::filesystem::path& folder, const std::string& begin,
                        const std::string& end);
/// The newest results file of a folder, each task with its groups and cost. Throws Error when there is none,
/// or when it is damaged (exit 2: or of an earlier rouse).
Json newest_results(const std::filesystem::path& folder);
/// Results and samples.
EvalRun read_run(const std::filesystem::path& folder);
/// The run in a folder, or the runs in the folders it holds; `unfinished`: with tasks that are not done.
/// Throws Error (exit 2) when there is none.
std::vector<EvalRun> read_runs(const std::string& folder, bool unfinished = false);
/// Adds the rows of tasks that are not finished, as far as they were saved.
void add_unfinished(EvalRun& run, const std::filesystem::path& folder);
/// {"baseline", "tasks": {TASK: [{"method", "model", "groups", "cost", "unfinished", "against_baseline"}]},
/// "notes"}: the scores of runs, and each against the first on the same items with Holm's correction over all
/// of them; a cost is there of finished ones. The notes say where runs are of several models.
Json report_of(const std::vector<EvalRun>& runs);

/// Rows of cells, the first row the columns' names.
using Table = std::vector<std::vector<std::string>>;
/// With columns aligned, or as Markdown.
std::string table_text(const Table& table, bool markdown);
/// The tables of a report.
std::string report_text(const Json& report, bool markdown = false);

}  // namespace rouse
