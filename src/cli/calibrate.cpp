/// cli/calibrate.cpp - measures a model once and writes a plan.
#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "calibration/plan_controls.h"
#include "cli/steps.h"
#include "report/plan_profile.h"

namespace rouse {

Error interrupted_with(const std::string& state) {
  return Error(cat("interrupted; what is done is kept in ", state, ", the same command goes on"),
               ErrorKind::interrupted);
}

void add_text_options(CLI::App& app, std::vector<std::string>& texts, int& n_scored, int& n_token) {
  app.add_option("--text", texts,
                 "calibration text: .jsonl with `text`, and `prompt` before it that is not scored, or plain "
                 "text; repeatable")
      ->required();
  app.add_option("--tokens", n_scored, "scored tokens, drawn uniformly (0: all)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("--document-tokens", n_token, "a document is cut to this many tokens")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 20));
}

static Json provenance_of(const CalibrateCommand& c) {
  const CalibrateOptions& o = c.options;
  Json texts = Json::array();
  for (const std::string& path : c.texts) texts.push_back(std::filesystem::path(path).filename().string());
  return {{"text", texts},
          {"tokens", o.n_scored},
          {"document_tokens", o.n_token},
          {"intensity", c.intensity},
          {"percentiles", {o.strata.easy, o.strata.hard}},
          {"nu", o.intensity == Intensity::paper ? Json(nullptr) : Json(o.strata.nu)},
          {"shrink", o.shrinks()},
          {"certify", o.certify},
          {"budget", o.probe.budget},
          {"perturb", c.perturb},
          {"delta", number_text(static_cast<double>(o.probe.delta))},
          {"draws", o.probe.noise ? o.probe.draws : 1},
          {"ablate", c.ablate},
          {"layers", o.layers},
          {"ablate_only_intensive", o.only_intensive},
          {"seed", o.probe.seed},
          {"naive", o.probe.naive},
          {"kv_type", c.model.kv_type}};
}

Json run_calibration(CalibrateCommand c, const std::atomic<bool>& stop) {
  CalibrateOptions& o = c.options;
  require_usage(c.percentiles.size() == 2 && c.percentiles[0] >= 0 && c.percentiles[0] < c.percentiles[1] &&
                    c.percentiles[1] <= 100,
                "--percentiles: expected EASY HARD with 0 <= EASY < HARD <= 100");
  o.strata.easy = c.percentiles[0], o.strata.hard = c.percentiles[1];
  require_option(o.strata.nu >= 0 && o.strata.nu <= 100, "nu", " is ", o.strata.nu, ", expected 0 to 100");
  o.intensity = c.intensity == "paper" ? Intensity::paper : Intensity::log_odds;
  if (c.shrink_flag && c.shrink_flag->count() > 0) o.shrink = c.shrink;
  o.probe.drop = c.ablate == "drop";
  o.probe.noise = c.perturb == "noise";
  o.restart = c.force;
  require_usage(o.probe.delta > 0 && o.probe.delta <= 10, "--delta is ", o.probe.delta,
                ", expected more than 0, at most 10");
  std::vector<std::string> inputs = c.texts;
  inputs.push_back(model_path(c.model));
  const OutputFile output(c.output, c.force, inputs);
  c.model.n_ctx = probe_cells(o.n_token);
  Session session(c.model, 1, "", 1);
  require_usage(session.engine->spec().router.moe(), "a dense model has no routing to calibrate");
  if (!c.budget.empty()) o.probe.budget = counted_budget(c.budget, session.engine->spec().router);
  std::vector<Document> documents = read_corpus(c.texts, *session.tokenizer, o.n_token);
  choose_scored(documents, o.n_scored, o.probe.seed);

  announce_full_passes(*session.engine, documents, o);
  const std::string state = output.file() + ".state";
  const double begin = now_seconds();
  ProgressBar bar("calibrating");
  const auto plan = calibrate(
      *session.engine, std::move(documents), o, provenance_of(c), state,
      [&](double done) { bar.update(done); }, &stop);
  if (!plan) throw interrupted_with(state);
  save_plan(*plan, output.file());
  std::filesystem::remove(state);
  const double seconds = now_seconds() - begin;
  const std::string warning = plan_warning(*plan);
  std::fprintf(stderr, "%s: %d scored tokens (%d hard, %d easy), %zu layers, %.1f s\n", c.output.c_str(),
               plan->n_scored, plan->n_hard, plan->n_easy, plan->layers.size(), seconds);
  if (!warning.empty()) std::fprintf(stderr, "rouse: %s\n", warning.c_str());
  if (plan->evidence) std::fprintf(stderr, "%s\n", plan->evidence->verdict.c_str());
  return {{"output", c.output},
          {"scored", plan->n_scored},
          {"hard", plan->n_hard},
          {"easy", plan->n_easy},
          {"layers", plan->layers},
          {"budget", plan->budget},
          {"warning", warning.empty() ? Json(nullptr) : Json(warning)},
          {"verdict", plan->evidence ? Json(plan->evidence->verdict) : Json(nullptr)},
          {"seconds", seconds}};
}

static void add_intensity_options(CLI::App& app, CalibrateCommand& c) {
  app.add_option(
         "--intensity", c.intensity,
         "what R is made of: log-odds: changes of a token's log-odds; paper: changes of NLL, over all "
         "scored tokens")
      ->capture_default_str()
      ->check(CLI::IsMember({"log-odds", "paper"}));
  app.add_option("--percentiles", c.percentiles,
                 "EASY HARD: below the first a token is easy, above the second hard")
      ->capture_default_str()
      ->expected(2);
  app.add_option("--nu", c.options.strata.nu,
                 "log-odds: tokens with an NLL below this are neither hard nor easy, nats")
      ->capture_default_str();
  c.shrink_flag =
      app.add_flag("--shrink,!--no-shrink", c.shrink,
                   "draw R towards the layers' mean as far as chance could have spread it; on for log-odds");
}

static void add_evidence_options(CLI::App& app, CalibrateCommand& c) {
  app.add_flag("--certify,!--no-certify", c.options.certify,
               "an expert moves between blocks only where it gains more on hard tokens than it costs, beyond "
               "chance, and documents held out do not pay (the default; it takes at most as long again); "
               "--no-certify: budgets in proportion to R, as in the paper");
  app.add_option("--budget", c.budget,
                 "K,K,...: experts of every MoE layer that all is measured against, and move from (default: "
                 "the model's own)");
}

void add_calibrate(CLI::App& app) {
  auto c = std::make_shared<CalibrateCommand>();
  CLI::App* sub = app.add_subcommand(
      "calibrate",
      "Measure which layers and experts matter for hard tokens; write a plan (Counterfactual Routing)");
  add_model_options(*sub, c->model);
  add_text_options(*sub, c->texts, c->options.n_scored, c->options.n_token);
  add_intensity_options(*sub, *c);
  sub->add_option("--delta", c->options.probe.delta, "strength of the perturbation")->capture_default_str();
  sub->add_option("--perturb", c->perturb,
                  "scale: a MoE block adds (1 + delta) times its output; noise: times (1 + delta xi)")
      ->capture_default_str()
      ->check(CLI::IsMember({"scale", "noise"}));
  sub->add_option("--draws", c->options.probe.draws, "noise: draws to average")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  add_evidence_options(*sub, *c);
  sub->add_option("--ablate", c->ablate,
                  "replace: the next expert in line steps in; drop: k - 1 of the chosen remain")
      ->capture_default_str()
      ->check(CLI::IsMember({"replace", "drop"}));
  sub->add_option("--layers", c->options.layers,
                  "measure these blocks only; experts then move among them, by evidence, or not at all");
  sub->add_flag("--ablate-only-intensive", c->options.only_intensive,
                "ablate only where R is above the mean, as the paper does");
  sub->add_flag("--naive", c->options.probe.naive, "by full passes: the same, slower; for the proof");
  sub->add_option("-s,--seed", c->options.probe.seed, "seed of every draw")->capture_default_str();
  sub->add_option(
         "-o,--output", c->output,
         "plan to write (*.cor.json); what is done is kept in FILE.state until it is whole, and the same "
         "command goes on")
      ->required();
  add_force_option(*sub, c->force);
  on_result(
      *sub, [c](const std::atomic<bool>& stop) { return run_calibration(*c, stop); }, [](const Json&) {});
}

}  // namespace rouse
