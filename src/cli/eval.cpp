/// cli/eval.cpp - the flags of `rouse eval`, and what it prints on the way.
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/steps.h"
#include "cli/terminal.h"
#include "eval/saved_runs.h"
#include "eval/task_file.h"
#include "report/tables.h"

namespace rouse {

static void note(const std::string& text) {
  std::fprintf(stderr, "rouse: %s\n", printable(text, true).c_str());
}

EvalEvents eval_events(const std::atomic<bool>& stop) {
  struct Bar {
    std::string label;
    std::optional<ProgressBar> bar;
  };
  const auto bar = std::make_shared<Bar>();
  const auto progress = [bar](const std::string& label, const TaskEntry& task, double done, double mean) {
    const std::string name = cat(label, " ", task.name);
    if (bar->label != name) bar->bar.emplace(bar->label = name);
    char score[64] = "";
    if (std::isfinite(mean)) std::snprintf(score, sizeof score, "| %s %.3f ", task.metric, mean);
    bar->bar->update(done, score);
  };
  return {progress, note, {}, &stop};
}

EvalOutcome run_evaluation(const EvalOptions& o, const std::atomic<bool>& stop) {
  const EvalOutcome out = evaluate(o, eval_events(stop));
  if (!out.whole) {
    note(cat("interrupted; every finished item is kept in ", o.output, ", the same command goes on"));
    return out;
  }
  for (const Json& c : out.choices)
    std::fprintf(stderr, "%s, %s: %s, the best of %zu settings on %d development items\n",
                 c["task"].get<std::string>().c_str(), c["method"].get<std::string>().c_str(),
                 c["chosen"].get<std::string>().c_str(), c["settings"].size(),
                 c["settings"][0]["n"].get<int>());
  if (out.n_failed)
    note(cat(out.n_failed, " items failed and have no score; the same command tries them again"));
  return out;
}

static void print_report(const Json& report, bool json, bool markdown) {
  if (json)
    print_json(report);
  else
    std::cout << printable(report_text(report, markdown, output_width()), true);
}

void add_eval_options(CLI::App& app, EvalOptions& o) {
  add_model_options(app, o.model);
  app.add_option("--data", o.data, "folder with the benchmarks' files");
  app.add_option("-o,--output,--output_path", o.output,
                 "folder for results; running again continues what was interrupted");
  app.add_option("--limit", o.limit, "only so many items of a task, below 1 that share of them (0: all)")
      ->check(CLI::Range(0.0, double{1 << 30}));
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
  app.add_option_function<std::string>(
         "--template-date",
         [&o](const std::string& date) {
           check_template_date(date);
           o.runner.chat.date = date;
         },
         "YYYY-MM-DD: the date that the template shows the model")
      ->default_str(kEvaluationDate);
  app.add_option_function<std::string>(
      "--chat-template-kwargs",
      [&o](const std::string& text) {
        const Json kwargs = option_literal(find_option("chat_template_kwargs")->spec, text);
        check_template_kwargs(kwargs);
        o.runner.chat.kwargs = kwargs;
      },
      find_option("chat_template_kwargs")->spec.help);
  app.add_option("--exec-seconds", o.limits.seconds, "time of a model-written program")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  app.add_flag("--unsafe-exec", o.unsafe_exec,
               "run model-written programs with limits alone where this machine cannot isolate them");
}

static void print_tasks(std::span<const std::string> task_files, bool json) {
  std::vector<const TaskEntry*> tasks(task_registry().begin(), task_registry().end());
  const auto files = read_task_files(task_files);
  for (const auto& file : files) tasks.push_back(&file->entry());
  Json out = Json::array();
  for (const TaskEntry* task : tasks) {
    out.push_back({{"name", task->name}, {"help", task->help}});
    if (!json) print_text(cat(padded(task->name, 16), " ", printable(task->help), "\n"));
  }
  if (json) print_json(out);
}

void add_eval(CLI::App& app) {
  struct Command {
    EvalOptions eval;
    bool json = false;
  };
  auto command = std::make_shared<Command>();
  EvalOptions* o = &command->eval;
  CLI::App* sub =
      app.add_subcommand("eval", "Run benchmarks under routings and methods; say what is significant");
  add_eval_options(*sub, *o);
  sub->add_option(
         "--tasks", o->tasks,
         "benchmarks, separated by commas (see below): also all, or patterns such as arc_*; list prints them")
      ->delimiter(',');
  sub->add_option("--task-file", o->task_files,
                  "a task of your own: a JSON file with the keys of lm-evaluation-harness's task files "
                  "(docs/eval.md); repeatable; --tasks is not needed then")
      ->allow_extra_args(false);
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
  sub->add_option("--shots,--num_fewshot,--num-fewshot", o->n_shot,
                  "few-shot examples (-1: the task's own number)")
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
  add_json_option(*sub, command->json);
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
    print_report(report_of(runs), *json, *markdown);
    return 0;
  };
  for (const auto& [name, help] :
       {std::pair{"show", "the scores of saved runs, and how far unfinished ones are"},
        std::pair{"compare", "saved runs on the same items, each against the first"}}) {
    CLI::App* c = sub->add_subcommand(name, help);
    c->add_option("folders", *folders, "folders of `rouse eval -o`, or of single runs in them")->required();
    add_json_option(*c, *json);
    c->add_flag("--markdown", *markdown, "print Markdown tables");
    on_run(*c, report);
  }
  on_run(*sub, [command](const std::atomic<bool>& stop) {
    const EvalOptions& eval = command->eval;
    if (eval.tasks == std::vector<std::string>{"list"}) {
      print_tasks(eval.task_files, command->json);
      return static_cast<int>(Exit::ok);
    }
    require_usage((!eval.tasks.empty() || !eval.task_files.empty()) && !eval.output.empty(),
                  "rouse eval: give --tasks or --task-file, and -o DIR");
    const EvalOutcome outcome = run_evaluation(command->eval, stop);
    if (!outcome.whole) return static_cast<int>(Exit::interrupted);
    print_report(report_of(read_runs(command->eval.output)), command->json, false);
    return static_cast<int>(outcome.n_error + outcome.n_failed ? Exit::partial : Exit::ok);
  });
}

}  // namespace rouse
