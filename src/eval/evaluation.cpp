#include "eval/evaluation.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"
#include "eval/data.h"
#include "eval/method_run.h"
#include "eval/saved_runs.h"
#include "eval/sweep.h"
#include "eval/task_file.h"
#include "session/variant.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

/// A method that keeps no distribution cannot score given texts; one whose score is no likelihood has no
/// perplexity.
bool goes(const TaskEntry& task, const MethodOptions& method) {
  const MethodEntry& entry = method_entry(method.name);
  return task.kind == TaskKind::text ||
         (entry.scores && (entry.likelihood || task.kind == TaskKind::choices));
}

/// Refuses what cannot be, before anything is loaded.
std::vector<MethodOptions> parse_methods(std::span<const std::string> texts,
                                         std::span<const TaskEntry* const> tasks,
                                         const RunnerOptions& runner) {
  std::vector<MethodOptions> methods;
  GenerateOptions generate;
  generate.sampling = runner.sampling;
  for (const std::string& text : texts) {
    methods.push_back(parse_variant(text));
    check_options(methods.back(), generate);
    require_option(runner.n_sample > 1 || methods.back().routing_per_sample.empty(), "routing_per_sample",
                   " is for several samples of one text");
    require_option(runner.n_sample == 1 || runner.sampling.temperature > 0 ||
                       samples_differ(methods.back(), runner.n_sample),
                   "samples", " is ", runner.n_sample,
                   ", but at temperature 0 every sample would be the same");
    require_usage(
        std::any_of(tasks.begin(), tasks.end(), [&](const auto* t) { return goes(*t, methods.back()); }),
        "method ", methods.back().name,
        " can do none of these tasks: it gives no score of given texts, or no likelihood");
  }
  return methods;
}

}  // namespace

std::vector<LoadedEval> load_tasks(const EvalOptions& o, std::span<const TaskEntry* const> entries,
                                   const Tokenizer* tokenizer, const EvalEvents& events, size_t& n_error) {
  std::vector<LoadedEval> tasks;
  const auto folders = data_folders(o.data, o.model.model);
  for (const TaskEntry* entry : entries) {
    TaskInput input;
    input.folder = entry->from ? "" : find_task(*entry, folders);
    require_usage(entry->from || !input.folder.empty(), entry->name, ": ", entry->file, " is not in ",
                  folders.empty() ? "any folder" : join(folders, " nor in "),
                  "; give the folder that holds it as data");
    input.n_shot = *entry->shots ? o.n_shot : -1;
    input.tokenizer = tokenizer;
    input.n_window = o.n_window;
    LoadedTask task = load_task(*entry, input, o.limit, o.sample_seed);
    for (const std::string& e : task.errors) events.tell(cat(e, "; left out"));
    n_error += task.errors.size();
    if (task.fewshot.is_object() && task.fewshot["own"] == true)
      events.tell(cat(entry->name, ": the few-shot examples are rouse's own (",
                      task.fewshot["file"].get<std::string>(), "), not the published ones; ", input.folder,
                      "/", entry->shots, " is not there"));
    require_usage(!task.items.empty(), entry->name, ": no item could be read");
    tasks.push_back({entry, std::move(task.items), std::move(task.fewshot)});
  }
  return tasks;
}

namespace {

std::vector<LoadedEval> parts_of(std::span<const LoadedEval> tasks, const EvalOptions& o, bool development) {
  std::vector<LoadedEval> out;
  for (const LoadedEval& task : tasks)
    out.push_back({task.entry, part_of(*task.entry, task.items, o.dev_share, o.sample_seed, development),
                   task.fewshot});
  return out;
}

/// Methods over tasks, each in a folder of its own.
class Evaluation {
 public:
  Evaluation(const EvalOptions& o, const Session& session, std::span<const Sweep> sweeps,
             const EvalEvents& events)
      : o_(o), session_(session), sweeps_(sweeps), events_(events) {}

  /// Items that could not be scored, over all methods.
  size_t n_failed() const { return n_failed_; }
  const Json& choices() const { return choices_; }
  /// False when stopped.
  bool run(const std::vector<LoadedEval>& tasks) {
    const bool choose =
        o_.dev_share > 0 && std::any_of(o_.methods.begin(), o_.methods.end(),
                                        [&](const auto& m) { return sweep_variants(m, sweeps_).size() > 1; });
    if (choose) dev_ = parts_of(tasks, o_, true);
    const std::vector<LoadedEval> rest = choose ? parts_of(tasks, o_, false) : tasks;
    for (const std::string& method : o_.methods) {
      const auto variants = sweep_variants(method, sweeps_);
      if (!choose || variants.size() == 1) {
        for (const std::string& variant : variants)
          if (one(variant, o_.output, choose ? "held out" : "all", rest).empty()) return false;
        continue;
      }
      std::vector<fs::path> folders;
      for (const std::string& variant : variants) {
        folders.push_back(one(variant, fs::path(o_.output) / "dev", "development", dev_));
        if (folders.back().empty()) return false;
      }
      for (const LoadedEval& task : rest) {
        if (!goes(*task.entry, parse_variant(variants[0]))) continue;
        choices_.push_back(best_setting(*task.entry, method, variants, folders));
        if (one(choices_.back()["chosen"], o_.output, "held out", {&task, 1}).empty()) return false;
      }
    }
    if (choose) write_whole((fs::path(o_.output) / "choices.json").string(), choices_.dump(2) + "\n");
    return true;
  }

 private:
  /// One method over those of the tasks that it can do. Its folder, or "" when stopped.
  fs::path one(const std::string& method, const fs::path& output, const std::string& part,
               std::span<const LoadedEval> tasks) {
    const MethodOptions options = parse_variant(method);
    std::vector<LoadedEval> fitting;
    for (const LoadedEval& task : tasks)
      if (goes(*task.entry, options))
        fitting.push_back(task);
      else
        events_.tell(cat(task.entry->name, " needs a score of given texts that ", options.name,
                         " does not give; left out"));
    const std::string split = part == "all" ? part : cat(part, " of ", o_.dev_share);
    MethodRun run(o_, session_, {options, output, split, order_++}, events_);
    const bool whole = run.run(fitting);
    n_failed_ += run.n_failed();
    return whole ? run.folder() : "";
  }

  /// The setting with the best score on the development items; ties to the first.
  static Json best_setting(const TaskEntry& task, const std::string& method,
                           std::span<const std::string> variants, std::span<const fs::path> folders) {
    Json out{{"task", task.name}, {"method", method}, {"metric", task.metric}, {"settings", Json::array()}};
    const double sign = task.kind == TaskKind::tokens ? -1 : 1;  // a perplexity should be low
    double best = -INFINITY;
    for (size_t i = 0; i < variants.size(); ++i) {
      const Json results = newest_results(folders[i]);
      const JsonValue tasks = JsonValue(results, folders[i].string()).at("rouse").at("tasks");
      const auto found = tasks.at(task.name).at("groups").at("all").find(task.metric);
      if (!found) continue;  // no item could be scored
      const Json& score = found->json();
      const double value = score["value"];
      if (sign * value > best) best = sign * value, out["chosen"] = variants[i];
      out["settings"].push_back(
          {{"setting", variants[i]}, {"value", value}, {"interval", score["interval"]}, {"n", score["n"]}});
    }
    require(out.contains("chosen"), task.name, ", ", method,
            ": no development item could be scored under any setting");
    return out;
  }

  const EvalOptions& o_;
  const Session& session_;
  std::span<const Sweep> sweeps_;
  const EvalEvents& events_;
  size_t n_failed_ = 0;
  Json choices_ = Json::array();
  std::vector<LoadedEval> dev_;
  int order_ = 0;
};

}  // namespace

EvalOutcome evaluate(EvalOptions o, const EvalEvents& events) {
  if (o.methods.empty()) o.methods = {"greedy"};
  const std::vector<std::unique_ptr<TaskFile>> files = read_task_files(o.task_files);
  require_option(files.empty() || o.protocol == kOwnProtocol, "protocol", " is ", o.protocol,
                 ", which no task file has");
  std::vector<const TaskEntry*> entries;
  for (const std::string& name : named_tasks(o.tasks)) entries.push_back(&task_entry(name, o.protocol));
  for (const auto& file : files) entries.push_back(&file->entry());
  for (const TaskEntry* entry : entries)
    require_option(o.runner.n_sample == 1 || entry->vote, "samples", " is ", o.runner.n_sample, ", but task ",
                   entry->name, " has no answers to vote on");
  std::vector<std::string> texts;
  std::vector<Sweep> sweeps;
  for (const std::string& text : o.sweeps) sweeps.push_back(parse_sweep(text));
  check_sweeps(o.methods, sweeps);
  for (const std::string& method : o.methods)
    for (std::string& variant : sweep_variants(method, sweeps)) texts.push_back(std::move(variant));
  const std::vector<MethodOptions> methods = parse_methods(texts, entries, o.runner);
  o.runner.n_parallel = std::max(o.runner.n_parallel, o.runner.n_sample);
  const Session session(o.model, methods, o.runner.n_parallel);
  for (const MethodOptions& m : methods)  // refuse before the first item
    for (int i = 0; i < o.runner.n_sample; ++i) make_method(of_sample(m, i), session.models());
  EvalOutcome out;
  const std::vector<LoadedEval> tasks = load_tasks(o, entries, session.tokenizer.get(), events, out.n_error);
  std::unique_ptr<Sandbox> sandbox;
  if (std::any_of(entries.begin(), entries.end(), [](const TaskEntry* t) { return t->program != nullptr; })) {
    (void)python_path();
    sandbox = std::make_unique<Sandbox>(o.limits, o.unsafe_exec);
    o.runner.sandbox = sandbox.get();
    events.tell(cat("sandbox: ", sandbox->level()));
  }
  fs::create_directories(o.output);
  const Lock lock(o.output);
  Evaluation evaluation(o, session, sweeps, events);
  out.whole = evaluation.run(tasks);
  out.n_failed = evaluation.n_failed();
  out.choices = evaluation.choices();
  return out;
}

}  // namespace rouse
