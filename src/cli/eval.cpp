/// cli/eval.cpp - benchmarks under methods: runs what is missing, saves every item as it is done.
#include <cmath>
#include <ctime>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "cli/eval_command.h"
#include "eval/summary.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

/// "scmoe(weak=rank:2) plan:x.cor.json", "topk:4": a method under a policy.
std::string label_of(const MethodOptions& m, const RoutingPolicy& policy) {
  std::string method = method_text(m), routing = policy.text();
  if (routing == "topk") return method;
  const size_t slash = routing.rfind('/', routing.find(','));  // a plan by its file's name
  if (slash != std::string::npos)
    routing = routing.substr(0, routing.find(':') + 1) + routing.substr(slash + 1);
  return m.name == "greedy" && method == "greedy" ? routing : cat(method, " ", routing);
}

std::string folder_name(const std::string& label, uint64_t hash) {
  std::string out;
  for (const char c : label) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_';
    if (plain || (!out.empty() && out.back() != '-')) out += plain ? c : '-';
  }
  return out.substr(0, 60) + "-" + hex64(hash).substr(0, 8);
}

std::string date_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S", &parts);
  return text;
}

/// Folders that may hold a task's file: the user's, and the default model's sets.
std::string task_folder(const EvalOptions& o, const TaskEntry& task) {
  std::vector<std::string> tried;
  if (!o.data.empty()) tried.push_back(o.data);
  tried.push_back((fs::path(model_path({})).parent_path() / "lab").string());
  for (const std::string& folder : tried)
    if (fs::exists(fs::path(folder) / task.file)) return folder;
  throw Error(cat(task.name, ": ", task.file, " is not in ", join(tried, " nor in "), "; give --data DIR"),
              Exit::usage);
}

/// Writes or compares the settings of a run's folder: results of different settings are never mixed.
void check_settings(const fs::path& folder, const Json& settings) {
  const fs::path path = folder / "settings.json";
  if (!fs::exists(path)) {
    std::ofstream(path) << settings.dump(2) << '\n';
    return;
  }
  const Json before = Json::parse(file_text(path.string(), "settings"), nullptr, false);
  for (const auto& [key, value] : settings.items())
    require_usage(before.is_object() && before.contains(key) && before[key] == value, path.string(), ": ",
                  key, " was ", before.is_object() && before.contains(key) ? before[key].dump() : "missing",
                  ", now it is ", value.dump(), "; use another -o");
}

struct LoadedEval {
  const TaskEntry* entry;
  LoadedTask task;
};

class MethodRun {
 public:
  MethodRun(const EvalOptions& o, const Session& session, MethodOptions method, int order)
      : o_(o),
        session_(session),
        method_(resolved(std::move(method), session.router())),
        policy_(method_.routing, session.router()),
        label_(label_of(method_, policy_)),
        order_(order) {
    folder_ = fs::path(o.output) / folder_name(label_, policy_.hash() ^ hash_text(label_));
    fs::create_directories(folder_);
    settings_ = {{"model", session.model->file().fingerprint()},
                 {"method", method_text(method_)},
                 {"policy", policy_.text()},
                 {"policy_hash", hex64(policy_.hash())},
                 {"kv_type", o.model.kv_type},
                 {"limit", o.limit},
                 {"sample_seed", o.sample_seed},
                 {"shots", o.n_shot},
                 {"window", o.n_window},
                 {"chat_template", o.runner.chat_template},
                 {"score_alpha", o.runner.score_alpha},
                 {"n_predict", o.runner.n_predict},
                 {"ignore_eos", o.runner.ignore_eos},
                 {"temperature", o.runner.sampling.temperature},
                 {"top_p", o.runner.sampling.top_p},
                 {"top_k", o.runner.sampling.top_k},
                 {"seed", o.runner.sampling.seed},
                 {"sandbox", o.runner.sandbox ? Json(o.runner.sandbox->level()) : Json(nullptr)}};
    check_settings(folder_, settings_);
  }

  const std::string& label() const { return label_; }

  /// False when interrupted.
  bool run(const std::vector<LoadedEval>& tasks) {
    const EvalModel model{session_.engines(), *session_.tokenizer,
                          [this] { return make_method(method_, session_.models()); }};
    Json rouse_tasks = Json::object();
    for (const LoadedEval& t : tasks) {
      SampleLog log((folder_ / cat("samples_", t.entry->name, ".jsonl")).string());
      EvalCost cost;
      ProgressBar bar(cat(label_, " ", t.entry->name));
      const bool whole = run_task(
          *t.entry, t.task.items, model, o_.runner, log, cost, [&](double done, double) { bar.update(done); },
          &interrupted);
      if (!whole) return false;
      log.finish();
      const Json groups = summarise_groups(log.rows());
      add_results(*t.entry, groups["all"], log.rows().size());
      rouse_tasks[t.entry->name] = {{"groups", groups}, {"cost", cost_of(cost)}, {"prompts_cut", cost.n_cut}};
    }
    save(tasks, rouse_tasks);
    return true;
  }

 private:
  static Json cost_of(const EvalCost& c) {
    const auto rows = static_cast<double>(std::max<int64_t>(1, c.cost.rows));
    return {{"items", c.n_item},
            {"tokens", c.n_token},
            {"seconds", c.seconds},
            {"items_per_second", c.seconds > 0 ? static_cast<double>(c.n_item) / c.seconds : 0},
            {"expert_evaluations_per_row", static_cast<double>(c.cost.expert_evaluations) / rows},
            {"counts", cost_json(c.cost)}};
  }

  void add_results(const TaskEntry& task, const Json& scores, size_t n) {
    Json entry{{"alias", task.name}};
    for (const auto& [metric, s] : scores.items()) {
      entry[metric + ",none"] = s["value"];
      entry[metric + "_stderr,none"] = s["stderr"];
    }
    results_["results"][task.name] = entry;
    results_["n-samples"][task.name] = {{"original", n}, {"effective", n}};
    results_["n-shot"][task.name] = o_.n_shot >= 0 ? o_.n_shot : task.n_shot;
    results_["versions"][task.name] = 1;
    results_["configs"][task.name] = {
        {"task", task.name},
        {"file", task.file},
        {"sha256", task.sha256},
        {"metric", task.metric},
        {"output_type", task.kind == TaskKind::text ? "generate_until" : "loglikelihood"}};
  }

  void save(const std::vector<LoadedEval>& tasks, const Json& rouse_tasks) {
    const std::string date = date_text();
    results_["config"] = {{"model", "rouse"},
                          {"model_args", model_path(o_.model)},
                          {"limit", o_.limit > 0 ? Json(o_.limit) : Json(nullptr)},
                          {"random_seed", o_.sample_seed}};
    results_["date"] = date;
    results_["rouse"] = {{"label", label_},
                         {"order", order_},
                         {"settings", settings_},
                         {"model", session_.model->spec().name},
                         {"device", session_.devices->text()},
                         {"tasks", rouse_tasks}};
    const fs::path path = folder_ / cat("results_", date, ".json");
    std::ofstream out(path.string() + ".partial");
    out << results_.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
    out.close();
    require(out.good(), path.string(), ": cannot write (disk full?)");
    for (const LoadedEval& t : tasks)
      fs::rename(folder_ / cat("samples_", t.entry->name, ".jsonl"),
                 folder_ / cat("samples_", t.entry->name, "_", date, ".jsonl"));
    fs::rename(path.string() + ".partial", path);
  }

  const EvalOptions& o_;
  const Session& session_;
  MethodOptions method_;
  RoutingPolicy policy_;
  std::string label_;
  int order_;
  fs::path folder_;
  Json settings_, results_ = Json::object();
};

}  // namespace

int eval_run(EvalOptions o) {
  require_usage(!o.tasks.empty() && !o.output.empty(), "rouse eval: give --tasks and -o DIR");
  std::vector<const TaskEntry*> entries;
  for (const std::string& name : o.tasks) entries.push_back(&task_entry(name));
  std::vector<MethodOptions> methods;
  GenerateOptions generate;
  generate.sampling = o.runner.sampling;
  for (const std::string& text : o.methods.empty() ? std::vector<std::string>{"greedy"} : o.methods) {
    methods.push_back(parse_variant(text));
    check_options(methods.back(), generate);
    for (const TaskEntry* task : entries)
      require_usage(task->kind == TaskKind::text || method_entry(methods.back().name).scores, "task ",
                    task->name, " scores given texts, which method ", methods.back().name, " cannot");
  }
  const Session session(o.model, methods, o.runner.n_parallel);
  for (const MethodOptions& m : methods) make_method(m, session.models());  // refuse before the first item

  std::vector<LoadedEval> tasks;
  size_t n_error = 0;
  for (const TaskEntry* entry : entries) {
    TaskInput input;
    input.folder = task_folder(o, *entry);
    input.n_shot = *entry->shots ? o.n_shot : -1;
    input.tokenizer = session.tokenizer.get();
    input.n_window = o.n_window;
    tasks.push_back({entry, load_task(*entry, input, o.limit, o.sample_seed)});
    for (const std::string& e : tasks.back().task.errors)
      std::fprintf(stderr, "rouse: %s; left out\n", e.c_str());
    n_error += tasks.back().task.errors.size();
    require_usage(!tasks.back().task.items.empty(), entry->name, ": no item could be read");
  }
  std::unique_ptr<Sandbox> sandbox;
  if (std::any_of(entries.begin(), entries.end(), [](const TaskEntry* t) { return t->program != nullptr; })) {
    (void)python_path();
    sandbox = std::make_unique<Sandbox>(o.limits, o.unsafe_exec);
    o.runner.sandbox = sandbox.get();
    std::fprintf(stderr, "sandbox: %s\n", sandbox->level().c_str());
  }
  for (size_t i = 0; i < methods.size(); ++i) {
    MethodRun run(o, session, methods[i], static_cast<int>(i));
    if (run.run(tasks)) continue;
    std::fprintf(stderr, "rouse: interrupted; every finished item is kept in %s, the same command goes on\n",
                 o.output.c_str());
    return static_cast<int>(Exit::interrupted);
  }
  const Json report = report_of(read_runs(o.output));
  if (o.json)
    std::cout << report.dump(2) << '\n';
  else
    print_report(report);
  return static_cast<int>(n_error ? Exit::partial : Exit::ok);
}

void add_eval(CLI::App& app) {
  auto o = std::make_shared<EvalOptions>();
  o->model.n_ctx = 0;
  CLI::App* sub =
      app.add_subcommand("eval", "Run benchmarks under routings and methods; say what is significant");
  add_model_options(*sub, o->model);
  sub->add_option("--tasks", o->tasks, "benchmarks, separated by commas (see below)")->delimiter(',');
  sub->add_option("--methods", o->methods,
                  "\"METHOD|POLICY [name=value...]\", as in compare; repeatable; the first is the baseline")
      ->allow_extra_args(false);
  sub->add_option("--data", o->data, "folder with the benchmarks' files");
  sub->add_option("-o,--output", o->output,
                  "folder for results; running again continues what was interrupted");
  sub->add_option("--limit", o->limit, "only so many items of a task (0: all)")
      ->check(CLI::Range(0, 1 << 30));
  sub->add_option("--sample-seed", o->sample_seed, "seed of that sample")->capture_default_str();
  sub->add_option("--shots", o->n_shot, "few-shot examples (-1: the task's own number)")
      ->capture_default_str()
      ->check(CLI::Range(-1, 64));
  sub->add_option("--window", o->n_window, "wikitext: tokens of a window")
      ->capture_default_str()
      ->check(CLI::Range(8, 1 << 20));
  sub->add_flag("--chat-template", o->runner.chat_template,
                "prompts are a user's message in the file's chat template");
  sub->add_option("--parallel", o->runner.n_parallel, "texts that are generated side by side")
      ->capture_default_str()
      ->check(CLI::Range(1, kMaxSequence / 2));
  sub->add_option("-n,--predict", o->runner.n_predict,
                  "tokens to generate at most (0: the task's own number)");
  sub->add_flag("--ignore-eos", o->runner.ignore_eos, "forbid the end token, as the SCMoE code does");
  sub->add_option("--score-alpha", o->runner.score_alpha, "mask implausible tokens of given texts (0: none)");
  sub->add_option("--temp", o->runner.sampling.temperature, "temperature; 0 is greedy")
      ->capture_default_str();
  sub->add_option("--top-p", o->runner.sampling.top_p,
                  "sample among the best that hold P of the probability");
  sub->add_option("--top-k", o->runner.sampling.top_k, "sample among the K best (0: all)");
  sub->add_option("-s,--seed", o->runner.sampling.seed, "seed of the sampling")->capture_default_str();
  sub->add_option("--exec-seconds", o->limits.seconds, "time of a model-written program")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  sub->add_flag("--unsafe-exec", o->unsafe_exec,
                "run model-written programs with limits alone where this machine cannot isolate them");
  sub->add_flag("--json", o->json, "print the report as JSON");
  std::string footer = "Tasks:\n";
  for (const TaskEntry* task : task_registry()) {
    std::string name = task->name;
    name.resize(std::max<size_t>(name.size(), 16), ' ');
    footer += cat("  ", name, " ", task->help, "\n");
  }
  sub->footer(footer + "Methods:\n" + method_help() + "Routing policies:\n" + policy_help());
  sub->require_subcommand(0, 1);

  auto folders = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false), markdown = std::make_shared<bool>(false);
  const auto report = [folders, json, markdown] {
    std::vector<EvalRun> runs;
    for (const std::string& folder : *folders)
      for (EvalRun& run : read_runs(folder)) runs.push_back(std::move(run));
    const Json r = report_of(runs);
    if (*json)
      std::cout << r.dump(2) << '\n';
    else
      print_report(r, *markdown);
    std::exit(0);
  };
  for (const auto& [name, help] :
       {std::pair{"show", "the scores of saved runs"},
        std::pair{"compare", "saved runs on the same items, each against the first"}}) {
    CLI::App* c = sub->add_subcommand(name, help);
    c->add_option("folders", *folders, "folders of `rouse eval -o`, or of single runs in them")->required();
    c->add_flag("--json", *json, "print JSON");
    c->add_flag("--markdown", *markdown, "print Markdown tables");
    c->callback(report);
  }
  sub->callback([o, sub] {
    if (sub->get_subcommands().empty()) std::exit(eval_run(*o));
  });
}

}  // namespace rouse
