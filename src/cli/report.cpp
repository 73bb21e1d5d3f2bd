/// cli/report.cpp - the flags of `rouse report`: analyses of saved runs and of a model's routings, as JSON.
#include "cli/output.h"
#include "cli/steps.h"
#include "report/frontier.h"

namespace rouse {
Json run_divergence(const DivergenceOptions& o, const std::atomic<bool>& stop) {
  ProgressBar bar("divergence");
  return divergence_report(
      o, [&](double done) { bar.update(done); }, &stop);
}

void add_report(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("report", "Analyses of saved runs and of a model's routings, as JSON");
  sub->require_subcommand(1);
  sub->footer(
      "The layer profile and dormant experts of a plan: rouse plan show PLAN --json. Latencies: rouse bench "
      "--json.");
  auto folders = std::make_shared<std::vector<std::string>>();
  const auto over_runs = [&](const char* name, const char* help, Json (*make)(std::span<const EvalRun>)) {
    CLI::App* c = sub->add_subcommand(name, help);
    c->add_option("folders", *folders, "folders of `rouse eval -o`, or of single runs in them")->required();
    on_result(
        *c,
        [folders, make](const std::atomic<bool>&) {
          std::vector<EvalRun> runs;
          for (const std::string& folder : *folders)
            for (EvalRun& run : read_runs(folder)) runs.push_back(std::move(run));
          return make(runs);
        },
        print_json);
  };
  over_runs("sweep", "every run's score and cost, by task: routing sweeps (k, rank) and grids", points_of);
  over_runs("pareto", "the same by cost: which settings nothing as cheap is as good as",
            [](std::span<const EvalRun> runs) { return pareto_of(points_of(runs)); });
  over_runs("votes", "major@k of runs with --samples", votes_of);

  auto o = std::make_shared<DivergenceOptions>();
  CLI::App* d = sub->add_subcommand(
      "divergence",
      "KL divergence of weak routings' distributions from the strong one's: over all tokens, in mathematical "
      "expressions, over stop words; and the share of their experts that the strong routing leaves out");
  add_model_options(*d, o->model);
  d->add_option("--text", o->text,
                "JSON Lines with `text`, or `question` and `rationale` (GSM8K); or plain text")
      ->required();
  d->add_option("--strong", o->strong, "the routing that the others are compared with")
      ->capture_default_str();
  d->add_option("--weak", o->weak, "other routings; repeatable (default rank:1 to rank:8 and random:1)")
      ->allow_extra_args(false);
  d->add_option("--amateur", o->amateur, "also a smaller model (GGUF); same vocabulary");
  d->add_option("--limit", o->n_text, "texts at most")->capture_default_str()->check(CLI::Range(1, 1 << 20));
  d->add_option("--document-tokens", o->n_token, "a text is cut to this many tokens")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 16));
  on_result(
      *d, [o](const std::atomic<bool>& stop) { return run_divergence(*o, stop); }, print_json);
}

}  // namespace rouse
