/// cli/repro.cpp - the papers' tables and figures for the model at hand: a list of rouse's own commands, run
/// one after the other, and the tables made of what they leave.
///
/// Every step goes on where it was interrupted, so the same command finishes what is missing. Scores are of
/// this model; the papers' own numbers stand in docs/methods.md.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/quoting.h"
#include "base/text.h"
#include "cli/repro_command.h"

extern char** environ;

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
  return out;
}

/// "rouse eval --tasks ...", to be pasted into a shell.
std::string shell_text(const Words& command) {
  std::string out = "rouse";
  for (const std::string& word : command) out += " " + shell_quoted(word);
  return out;
}

/// Runs this program. Returns its exit code.
int run_self(const Words& command, const std::string& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const std::string out = output.empty() ? "/dev/null" : output + ".partial";
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  std::vector<char*> arguments{const_cast<char*>("rouse")};
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  require(error == 0, "cannot start rouse again: ", std::strerror(error));
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)  // Ctrl-C reaches it too
    require(errno == EINTR, "lost a step: ", std::strerror(errno));
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(Exit::failed);
  if (code == 0 && !output.empty()) fs::rename(out, output);
  return code;
}

std::string number_cell(const char* format, const Json& number) {
  char text[48] = "";
  if (!number.is_null()) std::snprintf(text, sizeof text, format, number.get<double>());
  return text;
}

/// "1.23 [1.10, 1.40]", or "" where there is no value.
std::string interval_cell(const char* format, const Json& value, const Json& interval) {
  if (value.is_null()) return "";
  return cat(number_cell(format, value), " [", number_cell(format, interval[0]), ", ",
             number_cell(format, interval[1]), "]");
}

std::string divergence_table(const Json& d) {
  Table table{
      {"routing", "KL, all tokens", "KL, mathematical expressions", "KL, stop words", "unchosen experts"}};
  for (const Json& row : d["rows"]) {
    table.push_back({row["other"].get<std::string>()});
    for (const char* kind : {"all", "math", "stop_words"})
      table.back().push_back(interval_cell("%.3f", row["kl"][kind]["mean"], row["kl"][kind]["interval"]));
    const Json& unchosen = row["unchosen"];
    table.back().push_back(unchosen.is_null() ? "" : number_cell("%.0f%%", 100 * unchosen.get<double>()));
  }
  return table_text(table, true);
}

std::string latency_table(const Json& d) {
  Table table{{"method", "seconds a 512 tokens", "time of a token / greedy"}};
  for (const Json& row : d["rows"])
    table.push_back(
        {row["name"].get<std::string>(), number_cell("%.2f", row["seconds_per_512_tokens"]),
         interval_cell("%.2f", row["step_ratio_to_greedy"], row["step_ratio_to_greedy_interval"])});
  return table_text(table, true);
}

std::string profile_table(const Json& d) {
  Table layers{{"block", "R", "experts"}}, dormant{{"dormant expert", "impact (CEI)", "gate"}};
  for (const Json& layer : d["layers"])
    layers.push_back({layer["block"].dump(), number_cell("%.4g", layer["R"]), layer["k"].dump()});
  for (const Json& e : d["dormant"])
    dormant.push_back(
        {e["expert"].get<std::string>(), number_cell("%.4g", e["impact"]), number_cell("%.4g", e["gate"])});
  return cat(table_text(layers, true), "\n", table_text(dormant, true));
}

/// What a step left, as Markdown.
std::string tables_of(const Setting& s, const Step& step) {
  std::string out = cat("## ", step.title, "\n\n`", shell_text(step.command), "`\n\n");
  const auto result = [&] { return Json::parse(file_text(step.product, "result")); };
  if (step.command[0] == "eval") {
    const fs::path choices = fs::path(s.at(step.name)) / "choices.json";
    if (fs::exists(choices))
      for (const Json& c : Json::parse(file_text(choices.string(), "choices")))
        out += cat("- ", c["task"].get<std::string>(), ", ", c["method"].get<std::string>(), ": chose `",
                   c["chosen"].get<std::string>(), "` on ", c["settings"][0]["n"], " development items\n");
    return out + report_text(report_of(read_runs(s.at(step.name))), true) + "\n";
  }
  if (step.name == "divergence") return out + divergence_table(result()) + "\n";
  if (step.name == "latency") return out + latency_table(result()) + "\n";
  if (step.name == "profile") return out + profile_table(result()) + "\n";
  return out;
}

/// Tasks whose data is there: the paper's, and for the default model its own.
Words tasks_at_hand(const Paper& paper, const EvalOptions& o) {
  if (!o.tasks.empty()) return o.tasks;
  Words out;
  for (const std::string& name : paper.tasks) {
    const bool there = !find_task(task_entry(name), {&o.data, 1}).empty();
    if (there) out.push_back(name);
    if (!there && !o.data.empty())
      std::fprintf(stderr, "rouse: %s: its data is not in %s; left out\n", name.c_str(), o.data.c_str());
  }
  if (o.model.model.empty()) out = with(out, paper.lab_tasks);
  require_usage(!out.empty(),
                "no benchmark of this paper is at hand: give --data DIR (see `rouse data list`)");
  return out;
}

int repro(const Paper& paper, const ReproOptions& o) {
  const GgufFile file(model_path(o.eval.model));
  const ModelSpec spec = read_spec(file);
  require_usage(spec.router.moe(), file.path(), ": a dense model has nothing to route");
  const Setting s{o, model_flags(o.eval.model), tasks_at_hand(paper, o.eval), spec.router.n_expert_used,
                  std::min(8, spec.router.n_selectable())};
  const std::vector<Step> steps = paper.steps(s);
  fs::create_directories(o.eval.output);
  const Lock lock(o.eval.output);
  Json record{{"paper", paper.help},
              {"model", file.path()},
              {"fingerprint", file.fingerprint()},
              {"steps", Json::array()}};
  std::string tables =
      cat("# ", paper.help, "\n\n", spec.name, ", ", spec.router.n_expert, " experts, top-", s.k, ".\n\n");
  bool partial = false;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    std::fprintf(stderr, "[%zu/%zu] %s\n  %s\n", i + 1, steps.size(), step.title.c_str(),
                 shell_text(step.command).c_str());
    const double begin = now_seconds();
    const bool there = !step.product.empty() && fs::exists(step.product);
    const int code = there ? 0 : run_self(step.command, step.captured ? step.product : "");
    if (code == static_cast<int>(Exit::interrupted) || interrupted) {
      std::fprintf(stderr, "rouse: interrupted; the same command goes on in %s\n", o.eval.output.c_str());
      return static_cast<int>(Exit::interrupted);
    }
    if (code != 0 && code != static_cast<int>(Exit::partial)) {
      std::fprintf(stderr, "rouse: step \"%s\" ended with exit code %d; what is done is kept in %s\n",
                   step.name.c_str(), code, o.eval.output.c_str());
      return code;
    }
    partial = partial || code != 0;
    record["steps"].push_back({{"name", step.name},
                               {"command", shell_text(step.command)},
                               {"seconds", now_seconds() - begin},
                               {"exit_code", code}});
    tables += tables_of(s, step);
    write_whole(s.at("tables.md"), tables);
    write_whole(s.at("repro.json"), record.dump(2) + "\n");
  }
  std::fprintf(stderr, "tables: %s\n", s.at("tables.md").c_str());
  return static_cast<int>(partial ? Exit::partial : Exit::ok);
}

}  // namespace

void add_repro(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("repro", "A paper's tables and figures for the model at hand, into one folder");
  sub->require_subcommand(1);
  for (const Paper& paper : papers()) {
    auto o = std::make_shared<ReproOptions>();
    CLI::App* c = sub->add_subcommand(paper.name, paper.help);
    add_eval_options(*c, o->eval);
    c->get_option("--output")->required();
    c->add_option("--tasks", o->eval.tasks, "benchmarks (default: the paper's that are at hand)")
        ->delimiter(',');
    c->add_option("--text", o->text,
                  "text to calibrate on, or to compare routings on (default: from --data)");
    if (std::string(paper.name) == "cor") {
      c->add_option("--plan", o->plan, "a plan of this model instead of calibrating one");
      c->add_option("--calibration-tokens", o->n_calibration, "scored tokens of the calibration")
          ->capture_default_str();
    } else {
      c->add_option("--samples", o->n_sample, "samples of self-consistency")
          ->capture_default_str()
          ->check(CLI::Range(2, kMaxSequence / 2));
      c->add_option("--amateur", o->amateur, "also contrastive decoding with this smaller model (GGUF)");
    }
    on_run(*c, [&paper, o] { return repro(paper, *o); });
  }
}

}  // namespace rouse
