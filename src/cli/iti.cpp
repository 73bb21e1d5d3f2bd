/// cli/iti.cpp - inference-time intervention: fits head directions on true and false answers.
#include <iostream>

#include "base/json.h"
#include "base/lines.h"
#include "base/output_file.h"
#include "base/text.h"
#include "calibration/iti_fit.h"
#include "cli/eval_command.h"

namespace rouse {
namespace {

struct ItiOptions {
  EvalOptions eval;  ///< the model, and which items
  ItiFitOptions fit;
  bool force = false, json = false;
  std::string task, form = "Q: {question}\\nA: {answer}";
};

/// One answer to a question, as text.
struct ItiText {
  int question;
  bool truth;
  std::string text;
};

std::string filled(std::string form, const std::string& question, const std::string& answer) {
  const auto put = [&](const std::string& name, const std::string& value) {
    const size_t at = form.find(name);
    if (at != std::string::npos) form.replace(at, name.size(), value);
  };
  put("{question}", question);
  put("{answer}", answer);
  return form;
}

/// A record, and how errors name it.
using Record = std::pair<std::string, Json>;

std::vector<Record> read_file(const EvalOptions& o) {
  std::vector<Record> out;
  for (LineReader in(o.data, "questions"); in.next();) {
    if (in.blank()) continue;
    if (o.limit > 0 && static_cast<int>(out.size()) == o.limit) break;
    out.emplace_back(in.where(), parse_json(in.line(), in.where()));
  }
  return out;
}

/// The development items of a benchmark: what `rouse eval` reports is not among them.
std::vector<Record> read_task(const EvalOptions& o, const TaskEntry& task) {
  require_usage(task.kind != TaskKind::tokens, "--task ", task.name, " has no questions");
  const TaskEntry* entries[] = {&task};
  size_t n_error = 0;
  const LoadedEval loaded = load_tasks(o, entries, nullptr, eval_events(), n_error)[0];
  std::vector<Record> out;
  for (Item& item : part_of(task, loaded.items, o.dev_share, o.sample_seed, true))
    out.emplace_back(cat(task.name, ", ", item.id), std::move(item.doc));
  return out;
}

constexpr size_t kMostAnswers = 1000;  // of one question and one kind

std::vector<ItiText> read_answers(const ItiOptions& o) {
  std::string form = o.form;
  for (size_t at; (at = form.find("\\n")) != std::string::npos;) form.replace(at, 2, "\n");
  std::vector<ItiText> out;
  int question = 0;
  for (const auto& [where, json] :
       o.task.empty() ? read_file(o.eval) : read_task(o.eval, task_entry(o.task))) {
    const JsonValue row(json, where);
    const std::string q = text_field(row, "question");
    const auto add = [&](bool truth, const std::string& text) { out.push_back({question, truth, text}); };
    const auto right = row.find("correct_answers"), wrong = row.find("incorrect_answers");
    if (right && wrong) {  // TruthfulQA
      for (const std::string& a : right->texts(0, kMostAnswers)) add(true, filled(form, q, a));
      for (const std::string& a : wrong->texts(0, kMostAnswers)) add(false, filled(form, q, a));
    } else {  // lab_contrast: the question is a prompt already
      require_usage(row.find("completion") && row.find("contradictions"), where,
                    ": neither correct_answers and incorrect_answers nor completion and contradictions");
      add(true, q + text_field(row, "completion"));
      for (const std::string& a : row.at("contradictions").texts(0, kMostAnswers)) add(false, q + a);
    }
    ++question;
  }
  return out;
}

/// Of all questions and answers: a fit is of its texts, not of a file's name.
std::string hash_of(const std::vector<ItiText>& texts) {
  std::string all;
  for (const ItiText& t : texts)
    all += cat(t.question, t.truth ? " true " : " false ", t.text.size(), ' ', t.text, '\n');
  return hex64(hash_text(all));
}

ItiData activations_of(const Session& session, const std::vector<ItiText>& texts) {
  const ModelSpec& spec = session.model->spec();
  ItiData d;
  d.n_layer = spec.n_layer, d.n_head = spec.attention.n_head;
  d.width = static_cast<int>(spec.attention.n_embd_out()) / d.n_head;
  Engine& engine = *session.engine;
  const RoutingPolicy policy("topk", spec.router);
  ProgressBar bar("reading heads");
  for (size_t first = 0; first < texts.size();) {
    if (interrupted) throw Error("interrupted; nothing was written", ErrorKind::interrupted);
    Batch batch;
    std::vector<SeqId> seqs;
    size_t n = 0;
    for (int room = std::min(engine.n_free(), engine.options().n_batch); first + n < texts.size(); ++n) {
      const std::vector<int> tokens = session.tokenizer->encode(texts[first + n].text, true, false);
      require_usage(static_cast<int>(tokens.size()) <= engine.n_ctx(), "answer ", first + n + 1, " has ",
                    tokens.size(), " tokens, the context ", engine.n_ctx(), "; raise -c");
      if (n > 0 && (static_cast<int>(tokens.size()) > room || n >= kMaxSequence / 2)) break;
      room -= static_cast<int>(tokens.size());
      seqs.push_back(engine.open(static_cast<int>(tokens.size())));
      RowGroup group{&policy, {}};
      for (const int t : tokens) group.rows.push_back({seqs.back(), t, Output::none});
      group.rows.back().output = Output::hidden;
      batch.push_back(std::move(group));
    }
    const StepResult& r = engine.run({.batch = batch, .taps = {.heads = true}});
    const size_t row_size = static_cast<size_t>(spec.attention.n_embd_out());
    size_t last = 0;  // row of the batch
    for (size_t i = 0; i < n; ++i, ++last) {
      last += batch[i].rows.size() - 1;
      try {
        r.require_sound(last);
      } catch (const Error& e) {
        throw e.within(cat("answer ", first + i + 1));
      }
      for (const auto& layer : r.heads) {
        const auto begin = layer.begin() + static_cast<std::ptrdiff_t>(i * row_size);
        d.activations.insert(d.activations.end(), begin, begin + static_cast<std::ptrdiff_t>(row_size));
      }
    }
    for (const SeqId seq : seqs) engine.close(seq);
    for (size_t i = 0; i < n; ++i) {
      d.truth.push_back(texts[first + i].truth);
      d.question.push_back(texts[first + i].question);
    }
    first += n;
    bar.update(static_cast<double>(first) / static_cast<double>(texts.size()));
  }
  return d;
}

int iti_fit(const ItiOptions& o) {
  const OutputFile output(o.eval.output, o.force, {&o.eval.data, o.eval.data.empty() ? 0u : 1u});
  const std::vector<ItiText> texts = read_answers(o);
  const Session session(o.eval.model);
  const ItiData data = activations_of(session, texts);
  ProgressBar bar("fitting probes");
  ItiFile file = fit_iti(data, o.fit, [&](double done) { bar.update(done); });
  file.arch = session.model->spec().arch;
  const std::string source =
      !o.task.empty() ? cat(o.task, ", development ", o.eval.dev_share, ", seed ", o.eval.sample_seed)
                      : o.eval.data.substr(o.eval.data.find_last_of('/') + 1);
  file.options = {{"data", source},        {"answers", hash_of(texts)},
                  {"form", o.form},        {"fingerprint", session.model->file().fingerprint()},
                  {"heads", o.fit.n_pick}, {"ridge", o.fit.ridge},
                  {"seed", o.fit.seed}};
  save_iti(file, output.file());
  if (o.json) {
    std::cout << Json{{"output", o.eval.output}, {"report", file.report}}.dump(2) << '\n';
    return 0;
  }
  std::printf("%s: %d heads of %d blocks, %zu answers\n", o.eval.output.c_str(), file.n_head, file.n_layer,
              data.n_answer());
  for (size_t fold = 0; fold < 2; ++fold) {
    const Json& f = file.report["folds"][fold];
    std::printf(
        "  fold %zu, %d questions: %d heads picked on the other fold are right in %.1f%% [%.1f, %.1f] of "
        "answers,"
        " the best of them in %.1f%%; always the commoner verdict %.1f%%\n",
        fold + 1, f["questions"].get<int>(), f["heads"].get<int>(), 100 * f["accuracy"].get<double>(),
        100 * f["interval"][0].get<double>(), 100 * f["interval"][1].get<double>(),
        100 * f["best_head_accuracy"].get<double>(), 100 * f["majority"].get<double>());
  }
  std::printf("  best heads across both folds:");
  for (size_t i = 0; i < std::min<size_t>(8, file.heads.size()); ++i)
    std::printf(" %d.%d (%.1f%%)", file.heads[i].layer, file.heads[i].head, 100 * file.heads[i].accuracy);
  std::printf("\n");
  return 0;
}

}  // namespace

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
  fit->add_option("--heads", o->fit.n_pick, "heads to pick and report")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  fit->add_option("--ridge", o->fit.ridge, "L2 penalty of a probe")
      ->capture_default_str()
      ->check(CLI::Range(1e-6, 1e6));
  fit->add_option("-s,--seed", o->fit.seed, "seed of the folds")->capture_default_str();
  fit->add_option("-o,--output", e.output, "file to write")->required();
  fit->add_flag("--json", o->json, "print the report as JSON");
  add_force_option(*fit, o->force);
  on_run(*fit, [o] {
    require_usage(!o->task.empty() || !o->eval.data.empty(),
                  "rouse iti fit: give --data FILE or --task NAME");
    return iti_fit(*o);
  });
}

}  // namespace rouse
