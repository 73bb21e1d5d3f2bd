/// cli/repro.cpp - the papers' tables and figures for the model at hand: what several of rouse's commands do,
/// one after the other, and the tables made of what they leave.
///
/// Every step goes on where it was interrupted, so the same command finishes what is missing. Scores are of
/// this model; the papers' own numbers stand in docs/methods.md.
#include <algorithm>
#include <map>

#include "base/files.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/quoting.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/repro_command.h"
#include "eval/data.h"
#include "eval/saved_runs.h"
#include "report/repro_tables.h"
#include "report/saved_report.h"
#include "report/tables.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

/// How every step is to open the model.
Words model_flags(const ModelOptions& o) {
  Words out;
  const auto flag = [&](const char* name, const std::string& value) { out = with(out, {name, value}); };
  if (!o.model.empty()) flag("-m", o.model);
  if (o.n_thread) flag("-t", cat(o.n_thread));
  if (o.n_ctx) flag("-c", cat(o.n_ctx));
  if (o.n_gpu_layer) flag("-ngl", cat(o.n_gpu_layer));
  if (o.n_cpu_moe) flag("-ncmoe", cat(o.n_cpu_moe));
  for (const std::string& text : o.overrides) flag("-ot", text);
  flag("--kv-type", o.kv_type);
  flag("-fa", o.flash);
  if (o.engine != "auto") flag("--engine", o.engine);
  if (o.n_slot) flag("--slots", cat(o.n_slot));
  return out;
}

/// "rouse eval --tasks ...", to be pasted into a shell.
std::string shell_text(const Words& command) {
  std::string out = "rouse";
  for (const std::string& word : command) out += " " + shell_quoted(word);
  return out;
}

/// What a step is made of: its command, the model and the contents of the files that the command names, but
/// for those that earlier steps leave.
std::string identity_of(const ReproStep& step, const std::string& fingerprint, const std::string& output) {
  const std::string inside = (fs::path(output) / "").string();
  std::string text = fingerprint;
  for (size_t i = 0; i < step.command.size(); ++i) {
    const std::string& word = step.command[i];
    if (word == "-t") ++i;  // threads are nothing of the result's
    text += cat('\n', word);
    std::error_code ignored;
    if (word.starts_with(inside) || !fs::is_regular_file(word, ignored)) continue;
    text += word.ends_with(".gguf") ? GgufFile(word).fingerprint()
                                    : hex64(hash_text(file_text(word, "step's file")));
  }
  return hex64(hash_text(text));
}

/// Refuses to go on with a product of another command, model or text. A product that no earlier run has noted
/// down is somebody else's.
void check_products(const std::vector<ReproStep>& steps, const std::vector<std::string>& identities,
                    const std::string& record) {
  std::map<std::string, JsonValue> before;
  const Json json = fs::exists(record) ? read_json(record) : Json{{"steps", Json::array()}};
  for (const JsonValue& step : JsonValue(json, record).at("steps").list(0, 1000))
    before.emplace(step.at("name").text(), step);
  for (size_t i = 0; i < steps.size(); ++i) {
    const ReproStep& step = steps[i];
    if (step.product.empty() || !fs::exists(step.product)) continue;
    const auto found = before.find(step.name);
    const auto identity = found == before.end() ? std::nullopt : found->second.find("identity");
    const bool same =
        found != before.end() && (identity ? identity->text() == identities[i]
                                           : found->second.at("command").text() == shell_text(step.command));
    require_usage(same, step.product, ": is there, but of another command, model or text than `",
                  shell_text(step.command), "`; delete it or choose another -o");
  }
}

/// What a step left, as Markdown.
std::string tables_of(const Setting& s, const ReproStep& step) {
  std::string out = cat("## ", step.title, "\n\n`", shell_text(step.command), "`\n\n");
  const auto table = [&](const std::string& path, std::string (*make)(const JsonValue&)) {
    const Json json = read_json(path);
    return make(JsonValue(json, path));
  };
  if (step.command[0] == "eval") {
    const std::string choices = (fs::path(s.at(step.name)) / "choices.json").string();
    if (fs::exists(choices)) out += table(choices, choices_text);
    return out + report_text(report_of(read_runs(s.at(step.name))), true) + "\n";
  }
  if (step.name == "divergence") return out + table(step.product, divergence_table) + "\n";
  if (step.name == "latency") return out + table(step.product, latency_table) + "\n";
  if (step.name == "profile") return out + table(step.product, profile_table) + "\n";
  return out;
}

/// Tasks whose data is there: the paper's, and for a model that comes with rouse its own.
Words tasks_at_hand(const Paper& paper, const EvalOptions& o) {
  for (const std::string& name : o.tasks) (void)task_entry(name, o.protocol);
  if (!o.tasks.empty()) return o.tasks;
  Words out;
  for (const std::string& name : paper.tasks) {
    const bool there = !find_task(task_entry(name, o.protocol), {&o.data, 1}).empty();
    if (there) out.push_back(name);
    if (!there && !o.data.empty())
      std::fprintf(stderr, "rouse: %s: its data is not in %s; left out\n", name.c_str(), o.data.c_str());
  }
  if (!own_sets(model_path(o.model)).empty() && o.protocol == kOwnProtocol) out = with(out, paper.lab_tasks);
  require_usage(!out.empty(),
                "no benchmark of this paper is at hand: give --data DIR (see `rouse data list`)");
  return out;
}

/// Rows and steps a second of greedy, measured in a moment.
Work speed_of(const ModelOptions& model, const std::atomic<bool>& stop) {
  LatencyOptions o;
  o.model = model, o.n_prompt = {64}, o.n_gen = 8, o.repeats = 1, o.only = {"greedy"};
  const Json row = measure_latency(o, {}, &stop)["rows"][0];
  return {row["prefill_tok_s"], row["step_tok_s"]};
}

int repro(const Paper& paper, const ReproOptions& o, const std::atomic<bool>& stop) {
  const GgufFile file(model_path(o.eval.model));
  const ModelSpec spec = read_spec(file);
  require_usage(spec.router.moe(), file.path(), ": a dense model has nothing to route");
  const Setting s{o,
                  model_flags(o.eval.model),
                  tasks_at_hand(paper, o.eval),
                  spec.router.n_expert_used,
                  std::min(8, spec.router.n_selectable()),
                  static_cast<int>(spec.router.layers.size())};
  const std::vector<ReproStep> steps = paper.steps(s);
  fs::create_directories(o.eval.output);
  const Lock lock(o.eval.output);
  Json record{{"paper", paper.help},
              {"model", file.path()},
              {"fingerprint", file.fingerprint()},
              {"steps", Json::array()}};
  std::vector<std::string> identities;
  for (const ReproStep& step : steps) {
    identities.push_back(identity_of(step, record["fingerprint"], o.eval.output));
    record["steps"].push_back({{"name", step.name},
                               {"title", step.title},
                               {"command", shell_text(step.command)},
                               {"identity", identities.back()}});
  }
  check_products(steps, identities, s.at("repro.json"));
  fs::create_directories(o.eval.output);
  write_whole(s.at("repro.json"), record.dump(2) + "\n");  // before the first product
  std::string tables =
      cat("# ", paper.help, "\n\n", spec.name, ", ", spec.router.n_expert, " experts, top-", s.k, ".\n\n");
  bool partial = false;
  std::optional<Work> speed;
  for (size_t i = 0; i < steps.size(); ++i) {
    const ReproStep& step = steps[i];
    std::fprintf(stderr, "[%zu/%zu] %s\n  %s\n", i + 1, steps.size(), step.title.c_str(),
                 shell_text(step.command).c_str());
    const double begin = now_seconds();
    const bool there = !step.product.empty() && fs::exists(step.product);
    EvalOutcome outcome{.whole = true};
    try {
      if (!there && step.work) {
        if (!speed) speed = speed_of(o.eval.model, stop);
        const Work work = step.work();
        std::fprintf(stderr, "  about %s: %.0f prompt tokens, at most %.0f generated\n",
                     time_text(work.rows / speed->rows + work.steps / speed->steps).c_str(), work.rows,
                     work.steps);
      }
      if (!there) outcome = step.run(stop);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::interrupted)
        throw e.within(cat("step \"", step.name, "\" (what is done is kept in ", o.eval.output, ")"));
      outcome.whole = false;
    }
    if (!outcome.whole || stop) {
      std::fprintf(stderr, "rouse: interrupted; the same command goes on in %s\n", o.eval.output.c_str());
      return static_cast<int>(Exit::interrupted);
    }
    const bool failed = outcome.n_error + outcome.n_failed > 0;
    partial = partial || failed;
    record["steps"][i]["seconds"] = now_seconds() - begin;
    record["steps"][i]["exit_code"] = static_cast<int>(failed ? Exit::partial : Exit::ok);
    tables += tables_of(s, step);
    write_whole(s.at("tables.md"), tables);
    write_whole(s.at("repro.json"), record.dump(2) + "\n");
  }
  const SavedReport report = saved_report(o.eval.output);
  write_whole(s.at("report.html"), html_page(report.title, report.intro, report.sections));
  std::fprintf(stderr, "tables: %s\nfigures: %s\n", s.at("tables.md").c_str(), s.at("report.html").c_str());
  record["tables"] = s.at("tables.md");
  record["figures"] = s.at("report.html");
  if (o.json) print_json(record);
  return static_cast<int>(partial ? Exit::partial : Exit::ok);
}

}  // namespace

void add_repro(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("repro", "A paper's tables and figures for the model at hand, into one folder");
  sub->require_subcommand(1);
  for (const Paper& paper : papers()) {
    auto o = std::make_shared<ReproOptions>();
    o->eval.n_shot = paper.n_shot;
    CLI::App* c = sub->add_subcommand(paper.name, paper.help);
    add_eval_options(*c, o->eval);
    c->get_option("--output")->required();
    c->add_option("--tasks", o->eval.tasks, "benchmarks (default: the paper's that are at hand)")
        ->delimiter(',');
    c->add_option("--text", o->text,
                  "text to calibrate on, or to compare routings on (default: from --data)");
    if (std::string(paper.name) == "cor") {
      c->add_option("--plan", o->plan, "a plan of this model instead of calibrating one");
      c->add_option("--calibration-tokens", o->n_calibration,
                    "scored tokens of the calibration (left out: 1000, or 50 for each item of --limit where "
                    "those are fewer)")
          ->check(CLI::Range(1, 1 << 24));
    } else {
      c->add_option("--samples", o->n_sample, "samples of self-consistency")
          ->capture_default_str()
          ->check(CLI::Range(2, kMaxSequence / 2));
      c->add_option("--amateur", o->amateur, "also contrastive decoding with this smaller model (GGUF)");
    }
    add_json_option(*c, o->json);
    on_run(*c, [&paper, o](const std::atomic<bool>& stop) { return repro(paper, *o, stop); });
  }
}

}  // namespace rouse
