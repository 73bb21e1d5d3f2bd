/// cli/eval.cpp - benchmarks under methods: runs what is missing, saves every item as it is done.
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"
#include "cli/eval_command.h"

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
    require_usage(
        std::any_of(tasks.begin(), tasks.end(), [&](const auto* t) { return goes(*t, methods.back()); }),
        "method ", methods.back().name,
        " can do none of these tasks: it gives no score of given texts, or no likelihood");
  }
  return methods;
}

}  // namespace

std::vector<LoadedEval> load_tasks(const EvalOptions& o, std::span<const TaskEntry* const> entries,
                                   const Tokenizer* tokenizer, size_t& n_error) {
  std::vector<LoadedEval> tasks;
  const auto folders = data_folders(o.data);
  for (const TaskEntry* entry : entries) {
    TaskInput input;
    input.folder = find_task(*entry, folders);
    require_usage(!input.folder.empty(), entry->name, ": ", entry->file, " is not in ",
                  folders.empty() ? "any folder" : join(folders, " nor in "), "; give --data DIR");
    input.n_shot = *entry->shots ? o.n_shot : -1;
    input.tokenizer = tokenizer;
    input.n_window = o.n_window;
    LoadedTask task = load_task(*entry, input, o.limit, o.sample_seed);
    for (const std::string& e : task.errors)
      std::fprintf(stderr, "rouse: %s; left out\n", printable(e, true).c_str());
    n_error += task.errors.size();
    require_usage(!task.items.empty(), entry->name, ": no item could be read");
    tasks.push_back({entry, std::move(task.items)});
  }
  return tasks;
}

namespace {

std::vector<LoadedEval> parts_of(std::span<const LoadedEval> tasks, const EvalOptions& o, bool development) {
  std::vector<LoadedEval> out;
  for (const LoadedEval& task : tasks)
    out.push_back({task.entry, part_of(*task.entry, task.items, o.dev_share, o.sample_seed, development)});
  return out;
}

/// Methods over tasks, each in a folder of its own.
class EvalCommand {
 public:
  EvalCommand(const EvalOptions& o, const Session& session, std::span<const Sweep> sweeps)
      : o_(o), session_(session), sweeps_(sweeps) {}

  /// Items that could not be scored, over all methods.
  size_t n_failed() const { return n_failed_; }
  /// False when interrupted.
  bool run(const std::vector<LoadedEval>& tasks) {
    const bool choose =
        o_.dev_share > 0 && std::any_of(o_.methods.begin(), o_.methods.end(),
                                        [&](const auto& m) { return sweep_variants(m, sweeps_).size() > 1; });
    if (choose) dev_ = parts_of(tasks, o_, true);
    const std::vector<LoadedEval> rest = choose ? parts_of(tasks, o_, false) : tasks;
    Json choices = Json::array();
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
        choices.push_back(best_setting(*task.entry, method, variants, folders));
        if (one(choices.back()["chosen"], o_.output, "held out", {&task, 1}).empty()) return false;
      }
    }
    if (choose) write_whole((fs::path(o_.output) / "choices.json").string(), choices.dump(2) + "\n");
    for (const Json& c : choices)
      std::fprintf(stderr, "%s, %s: %s, the best of %zu settings on %d development items\n",
                   c["task"].get<std::string>().c_str(), c["method"].get<std::string>().c_str(),
                   c["chosen"].get<std::string>().c_str(), c["settings"].size(),
                   c["settings"][0]["n"].get<int>());
    return true;
  }

 private:
  /// One method over those of the tasks that it can do. Its folder, or "" when interrupted.
  fs::path one(const std::string& method, const fs::path& output, const std::string& part,
               std::span<const LoadedEval> tasks) {
    const MethodOptions options = parse_variant(method);
    std::vector<LoadedEval> fitting;
    for (const LoadedEval& task : tasks)
      if (goes(*task.entry, options))
        fitting.push_back(task);
      else
        std::fprintf(stderr, "rouse: %s needs a score of given texts that %s does not give; left out\n",
                     task.entry->name, options.name.c_str());
    const std::string split = part == "all" ? part : cat(part, " of ", o_.dev_share);
    MethodRun run(o_, session_, options, output, split, order_++);
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
  size_t n_failed_ = 0;
  std::vector<LoadedEval> dev_;
  int order_ = 0;
};

}  // namespace

int eval_run(EvalOptions o) {
  require_usage(!o.tasks.empty() && !o.output.empty(), "rouse eval: give --tasks and -o DIR");
  if (o.methods.empty()) o.methods = {"greedy"};
  std::vector<const TaskEntry*> entries;
  for (const std::string& name : o.tasks) {
    entries.push_back(&task_entry(name, o.protocol));
    require_usage(o.runner.n_sample == 1 || entries.back()->vote, "task ", name,
                  " has no answers to vote on: --samples must stay 1");
  }
  require_usage(o.runner.n_sample == 1 || o.runner.sampling.temperature > 0,
                "--samples: every sample would be the same at temperature 0; give --temp");
  std::vector<std::string> texts;
  std::vector<Sweep> sweeps;
  for (const std::string& text : o.sweeps) sweeps.push_back(parse_sweep(text));
  check_sweeps(o.methods, sweeps);
  for (const std::string& method : o.methods)
    for (std::string& variant : sweep_variants(method, sweeps)) texts.push_back(std::move(variant));
  const std::vector<MethodOptions> methods = parse_methods(texts, entries, o.runner);
  o.runner.n_parallel = std::max(o.runner.n_parallel, o.runner.n_sample);
  const Session session(o.model, methods, o.runner.n_parallel);
  for (const MethodOptions& m : methods) make_method(m, session.models());  // refuse before the first item
  size_t n_error = 0;
  const std::vector<LoadedEval> tasks = load_tasks(o, entries, session.tokenizer.get(), n_error);
  std::unique_ptr<Sandbox> sandbox;
  if (std::any_of(entries.begin(), entries.end(), [](const TaskEntry* t) { return t->program != nullptr; })) {
    (void)python_path();
    sandbox = std::make_unique<Sandbox>(o.limits, o.unsafe_exec);
    o.runner.sandbox = sandbox.get();
    std::fprintf(stderr, "sandbox: %s\n", sandbox->level().c_str());
  }
  fs::create_directories(o.output);
  const Lock lock(o.output);
  EvalCommand command(o, session, sweeps);
  if (!command.run(tasks)) {
    std::fprintf(stderr, "rouse: interrupted; every finished item is kept in %s, the same command goes on\n",
                 o.output.c_str());
    return static_cast<int>(Exit::interrupted);
  }
  const Json report = report_of(read_runs(o.output));
  if (o.json)
    std::cout << report.dump(2) << '\n';
  else
    std::cout << printable(report_text(report), true);
  if (command.n_failed())
    std::fprintf(stderr, "rouse: %zu items failed and have no score; the same command tries them again\n",
                 command.n_failed());
  return static_cast<int>(n_error + command.n_failed() ? Exit::partial : Exit::ok);
}

void add_eval_options(CLI::App& app, EvalOptions& o) {
  add_model_options(app, o.model);
  app.add_option("--data", o.data, "folder with the benchmarks' files");
  app.add_option("-o,--output", o.output, "folder for results; running again continues what was interrupted");
  app.add_option("--limit", o.limit, "only so many items of a task (0: all)")->check(CLI::Range(0, 1 << 30));
  app.add_option("--sample-seed", o.sample_seed, "seed of that sample")->capture_default_str();
  app.add_option("--dev-share", o.dev_share,
                 "with a sweep: share of the items on which the best setting is chosen, the rest is reported")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
  app.add_option("--parallel", o.runner.n_parallel, "texts that are generated side by side")
      ->capture_default_str()
      ->check(CLI::Range(1, kMaxSequence / 2));
  app.add_option("-n,--predict", o.runner.n_predict, "tokens to generate at most (0: the task's own number)");
  app.add_option("--protocol", o.protocol, "rouse, or a published way of asking and scoring (see below)")
      ->capture_default_str();
  app.add_flag("--ignore-eos", o.runner.ignore_eos, "forbid the end token, as the SCMoE code does");
  app.add_flag("--chat-template", o.runner.chat_template,
               "prompts are a user's message in the file's chat template");
  app.add_option("--exec-seconds", o.limits.seconds, "time of a model-written program")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  app.add_flag("--unsafe-exec", o.unsafe_exec,
               "run model-written programs with limits alone where this machine cannot isolate them");
}

void add_eval(CLI::App& app) {
  auto o = std::make_shared<EvalOptions>();
  CLI::App* sub =
      app.add_subcommand("eval", "Run benchmarks under routings and methods; say what is significant");
  add_eval_options(*sub, *o);
  sub->add_option("--tasks", o->tasks, "benchmarks, separated by commas (see below)")->delimiter(',');
  sub->add_option("--methods", o->methods,
                  "\"METHOD|POLICY [name=value...]\", as in compare; repeatable; the first is the baseline. "
                  "A value may be a "
                  "grid, as in --sweep")
      ->allow_extra_args(false);
  sub->add_option(
         "--sweep", o->sweeps,
         "NAME=VALUES: every method that reads this option runs under all of them; LOW:HIGH:STEP, rank:1..8, "
         "A|B; repeatable. With --dev-share 0 every setting is reported on all items")
      ->allow_extra_args(false);
  sub->add_option("--shots", o->n_shot, "few-shot examples (-1: the task's own number)")
      ->capture_default_str()
      ->check(CLI::Range(-1, 64));
  sub->add_option("--window", o->n_window, "wikitext: tokens of a window")
      ->capture_default_str()
      ->check(CLI::Range(8, 1 << 20));
  sub->add_option("--score-alpha", o->runner.score_alpha, "mask implausible tokens of given texts (0: none)");
  sub->add_option("--samples", o->runner.n_sample,
                  "self-consistency: so many samples of each item, the majority of their answers is scored")
      ->capture_default_str()
      ->check(CLI::Range(1, kMaxSequence / 2));
  sub->add_option("--temp", o->runner.sampling.temperature, "temperature; 0 is greedy")
      ->capture_default_str();
  sub->add_option("--top-p", o->runner.sampling.top_p,
                  "sample among the best that hold P of the probability");
  sub->add_option("--top-k", o->runner.sampling.top_k, "sample among the K best (0: all)");
  sub->add_option("-s,--seed", o->runner.sampling.seed, "seed of the sampling")->capture_default_str();
  sub->add_flag("--json", o->json, "print the report as JSON");
  std::string footer = "Tasks:\n";
  for (const TaskEntry* task : task_registry())
    footer += cat("  ", padded(task->name, 16), " ", task->help, "\n");
  footer += "Protocols beside rouse:\n";
  for (const TaskEntry* task : protocol_registry())
    footer += cat("  ", padded(cat(task->protocol, " of ", task->name), 20), " ", task->help, "\n");
  sub->footer(footer + "Methods:\n" + method_help() + "Routing policies:\n" + policy_help());
  sub->require_subcommand(0, 1);

  auto folders = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false), markdown = std::make_shared<bool>(false);
  const auto report = [folders, json, markdown] {
    std::vector<EvalRun> runs;
    for (const std::string& folder : *folders)
      for (EvalRun& run : read_runs(folder, true)) runs.push_back(std::move(run));
    const Json r = report_of(runs);
    if (*json)
      std::cout << r.dump(2) << '\n';
    else
      std::cout << printable(report_text(r, *markdown), true);
    return 0;
  };
  for (const auto& [name, help] :
       {std::pair{"show", "the scores of saved runs, and how far unfinished ones are"},
        std::pair{"compare", "saved runs on the same items, each against the first"}}) {
    CLI::App* c = sub->add_subcommand(name, help);
    c->add_option("folders", *folders, "folders of `rouse eval -o`, or of single runs in them")->required();
    c->add_flag("--json", *json, "print JSON");
    c->add_flag("--markdown", *markdown, "print Markdown tables");
    on_run(*c, report);
  }
  on_run(*sub, [o] { return eval_run(*o); });
}

}  // namespace rouse
