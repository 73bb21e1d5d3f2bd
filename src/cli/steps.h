/// cli/steps.h - long work as the command line runs it, with a bar, sentences on standard error and Ctrl-C:
/// for the commands themselves, and for `rouse repro`, which is a row of them.
#pragma once

#include "calibration/full_passes.h"
#include "calibration/iti_fit.h"
#include "cli/command.h"
#include "eval/evaluation.h"
#include "report/divergence.h"
#include "report/latency.h"
#include "report/next_steps.h"

namespace rouse {

void add_eval_options(CLI::App& app, EvalOptions& o);
EvalEvents eval_events(const std::atomic<bool>& stop);
/// Runs every task under every method, and says how it ended.
EvalOutcome run_evaluation(const EvalOptions& options, const std::atomic<bool>& stop);

Json run_latency(const LatencyOptions& options, const std::atomic<bool>& stop);
Json run_divergence(const DivergenceOptions& options, const std::atomic<bool>& stop);

/// --text, --tokens, --document-tokens: for commands that measure on a text.
void add_text_options(CLI::App& app, std::vector<std::string>& texts, int& n_scored, int& n_token);
/// Says what work by full passes will take, where the engine has no other way.
template <class Options>
void announce_full_passes(Engine& engine, std::span<const Document> documents, const Options& options) {
  if (engine.abilities().entry) return;
  const double rows = rows_of_full_passes(documents, engine.spec().router, options);
  std::fprintf(stderr,
               "%s has no entry at a block: about %.0f rows by full passes, %s; fewer --tokens take less\n",
               engine.abilities().engine, rows, time_text(rows * seconds_a_row(engine, documents)).c_str());
}
/// Of a command that was stopped, and goes on from `state`.
Error interrupted_with(const std::string& state);

struct CalibrateCommand {
  ModelOptions model;
  CalibrateOptions options;
  std::vector<std::string> texts;
  std::vector<double> percentiles{20, 80};
  std::string output, perturb = "scale", intensity = "log-odds", ablate = "replace", budget;
  bool shrink = true, force = false;
  const CLI::Option* shrink_flag = nullptr;  ///< null, or not given: as the intensity has it
  /// What the paper did: R by changes of NLL, not shrunk, and budgets in proportion to it.
  void as_paper() { intensity = "paper", options.certify = false; }
};
/// Writes a plan, and returns what came out. Throws Error (interrupted) when stopped: what is done is kept
/// beside the output.
Json run_calibration(CalibrateCommand command, const std::atomic<bool>& stop);

struct ItiOptions {
  EvalOptions eval;  ///< the model, which items, and the output
  ItiFitOptions fit;
  bool force = false, json = false;
  std::string task, form = "Q: {question}\\nA: {answer}";
};
/// Fits and writes heads.
ItiFile run_iti_fit(const ItiOptions& options, const std::atomic<bool>& stop);

}  // namespace rouse
