/// cli/iti.cpp - inference-time intervention: the flags of `rouse iti fit`, and its report for people.
#include <algorithm>

#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "calibration/iti_read.h"
#include "cli/output.h"
#include "cli/steps.h"

namespace rouse {

/// The development items of a benchmark: what `rouse eval` reports is not among them.
static std::vector<ItiRecord> read_task(const EvalOptions& o, const std::string& name,
                                        const std::atomic<bool>& stop) {
  const TaskEntry& task = task_entry(name);
  require_usage(task.kind != TaskKind::tokens, "--task ", task.name, " has no questions");
  const TaskEntry* entries[] = {&task};
  size_t n_error = 0;
  const LoadedEval loaded = load_tasks(o, entries, nullptr, eval_events(stop), n_error)[0];
  std::vector<ItiRecord> out;
  for (Item& item : part_of(task, loaded.items, o.dev_share, o.sample_seed, true))
    out.push_back({cat(task.name, ", ", item.id), std::move(item.doc)});
  return out;
}

ItiFile run_iti_fit(const ItiOptions& o, const std::atomic<bool>& stop) {
  const OutputFile output(o.eval.output, o.force, {&o.eval.data, o.eval.data.empty() ? 0u : 1u});
  std::string form = o.form;
  for (size_t at; (at = form.find("\\n")) != std::string::npos;) form.replace(at, 2, "\n");
  const std::vector<ItiText> texts =
      iti_texts(o.task.empty() ? read_iti_records(o.eval.data, static_cast<int>(o.eval.limit))
                               : read_task(o.eval, o.task, stop),
                form);
  const Session session(o.eval.model);
  ItiData data;
  {
    ProgressBar bar("reading heads");
    data = read_activations(
        session, texts, [&](double done) { bar.update(done); }, &stop);
  }
  ProgressBar bar("fitting probes");
  ItiFile file = fit_iti(data, o.fit, [&](double done) { bar.update(done); });
  file.arch = session.engine->spec().arch;
  const std::string source =
      !o.task.empty() ? cat(o.task, ", development ", o.eval.dev_share, ", seed ", o.eval.sample_seed)
                      : o.eval.data.substr(o.eval.data.find_last_of('/') + 1);
  file.options = {{"data", source},
                  {"answers", iti_hash(texts)},
                  {"form", o.form},
                  {"fingerprint", session.engine->file().fingerprint()},
                  {"heads", file.report["folds"][0]["heads"]},
                  {"ridge", o.fit.ridge},
                  {"seed", o.fit.seed}};
  save_iti(file, output.file());
  return file;
}

/// Empty: in both folds the heads are surely better than who knows nothing.
static std::string warning_of(const ItiFile& file) {
  const Json& folds = file.report["folds"];
  const bool unsure = std::any_of(folds.begin(), folds.end(), [](const Json& f) {
    return f["interval"][0].get<double>() <= f["majority"].get<double>();
  });
  return unsure ? "these heads do not surely beat always giving the commoner verdict: --iti need not help"
                : "";
}

static void print(const ItiOptions& o, const ItiFile& file) {
  std::printf("%s: %d heads of %d blocks\n", o.eval.output.c_str(), file.n_head, file.n_layer);
  for (size_t fold = 0; fold < 2; ++fold) {
    const Json& f = file.report["folds"][fold];
    print_text(formatted(
        "  fold %zu, %d questions: %d heads picked on the other fold are right in %.1f%% [%.1f, %.1f] of "
        "answers, the best of them in %.1f%%; always the commoner verdict %.1f%%\n",
        fold + 1, f["questions"].get<int>(), f["heads"].get<int>(), 100 * f["accuracy"].get<double>(),
        100 * f["interval"][0].get<double>(), 100 * f["interval"][1].get<double>(),
        100 * f["best_head_accuracy"].get<double>(), 100 * f["majority"].get<double>()));
  }
  if (const std::string warning = warning_of(file); !warning.empty()) std::printf("  %s\n", warning.c_str());
  std::string best = "  best heads across both folds:";
  for (size_t i = 0; i < std::min<size_t>(8, file.heads.size()); ++i)
    best +=
        formatted(" %d.%d (%.1f%%)", file.heads[i].layer, file.heads[i].head, 100 * file.heads[i].accuracy);
  print_text(best + "\n");
}

void add_iti(CLI::App& app) {
  auto o = std::make_shared<ItiOptions>();
  CLI::App* sub = app.add_subcommand("iti", "Inference-time intervention: which heads know what is true");
  sub->require_subcommand(1);
  CLI::App* fit = sub->add_subcommand("fit", "Fit directions of attention heads on true and false answers");
  EvalOptions& e = o->eval;
  add_model_options(*fit, e.model);
  fit->add_option(
      "--data", e.data,
      "JSON Lines: question with correct_answers and incorrect_answers (TruthfulQA), or with completion "
      "and contradictions; with --task the folder of `rouse eval`");
  fit->add_option("--task", o->task,
                  "fit on the development items that `rouse eval` keeps out of the report of a sweep of this "
                  "benchmark, given the same --limit, --sample-seed and --dev-share");
  fit->add_option("--form", o->form, "how question and answers become a text (the first kind of data)")
      ->capture_default_str();
  fit->add_option("--limit", e.limit, "only the first N questions, or with --task a sample (0: all)")
      ->check(CLI::Range(0, 1 << 30));
  fit->add_option("--sample-seed", e.sample_seed, "with --task: seed of that sample")->capture_default_str();
  fit->add_option("--dev-share", e.dev_share, "with --task: share of the items")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 0.99));
  fit->add_option("--heads", o->fit.n_pick,
                  "heads to pick and report (left out: as many as --iti shifts, 48 of every 1024)")
      ->check(CLI::Range(1, 1 << 20));
  fit->add_option("--ridge", o->fit.ridge, "L2 penalty of a probe")
      ->capture_default_str()
      ->check(CLI::Range(1e-6, 1e6));
  fit->add_option("-s,--seed", o->fit.seed, "seed of the folds")->capture_default_str();
  fit->add_option("-o,--output", e.output, "file to write")->required();
  add_json_option(*fit, o->json);
  add_force_option(*fit, o->force);
  on_run(*fit, [o](const std::atomic<bool>& stop) {
    require_usage(!o->task.empty() || !o->eval.data.empty(),
                  "rouse iti fit: give --data FILE or --task NAME");
    const ItiFile file = run_iti_fit(*o, stop);
    const std::string warning = warning_of(file);
    if (o->json)
      print_json({{"output", o->eval.output},
                  {"report", file.report},
                  {"warning", warning.empty() ? Json(nullptr) : Json(warning)}});
    else
      print(*o, file);
    return 0;
  });
}

}  // namespace rouse
