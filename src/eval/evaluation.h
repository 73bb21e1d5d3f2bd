/// eval/evaluation.h - benchmarks under methods: runs what is missing, saves every item as it is done.
#pragma once

#include "eval/runner.h"
#include "session/session.h"

namespace rouse {

struct EvalOptions {
  ModelOptions model;
  std::vector<std::string> tasks, task_files, methods, sweeps;
  std::string protocol = kOwnProtocol;
  std::string data, output;  ///< folders
  double limit = 0;          ///< items of a task, below 1 a share of them; 0: all
  int n_shot = -1, n_window = 512;
  double dev_share = 0.3;  ///< of the items, on which a sweep's best setting is chosen; 0: no choice
  uint64_t sample_seed = 1;
  RunnerOptions runner;
  SandboxLimits limits;
  bool unsafe_exec = false;  ///< programs run with limits alone where nothing isolates them
};

/// Who watches an evaluation. Called from the thread that runs it.
struct EvalEvents {
  /// A method over a task: share done, running mean of the task's metric (NaN: none yet).
  std::function<void(const std::string& label, const TaskEntry&, double done, double mean)> progress = {};
  /// A sentence that a person should read: what was left out, what failed and why.
  std::function<void(const std::string& text)> note = {};
  std::function<void(const Item&)> saved = {};  ///< its row is on the disk
  const std::atomic<bool>* stop = nullptr;

  void tell(const std::string& text) const {
    if (note) note(text);
  }
};

/// A task with the items to run.
struct LoadedEval {
  const TaskEntry* entry;
  std::vector<Item> items;
  EvalJson fewshot = {};  ///< as in LoadedTask
};

/// Tasks with their items; records that could not be read are told, left out and counted. Running text needs
/// the tokenizer. Throws Error (usage) where data is not there.
std::vector<LoadedEval> load_tasks(const EvalOptions& o, std::span<const TaskEntry* const> entries,
                                   const Tokenizer* tokenizer, const EvalEvents& events, size_t& n_error);

struct EvalOutcome {
  bool whole = false;   ///< false: stopped; the same call goes on
  size_t n_error = 0;   ///< records that could not be read
  size_t n_failed = 0;  ///< items that have no score
  /// Of methods with grids: {"task", "method", "metric", "settings": [{"setting", "value", "interval", "n"}],
  /// "chosen"}; also written to choices.json.
  EvalJson choices = EvalJson::array();
};

/// Every task under every method, each method in a folder of its own in o.output; what is finished there is
/// not run again. One process at a time works in that folder. Throws Error before the first item where
/// something cannot be.
EvalOutcome evaluate(EvalOptions options, const EvalEvents& events = {});

}  // namespace rouse
