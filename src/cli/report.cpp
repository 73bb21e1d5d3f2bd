/// cli/report.cpp - analyses of saved runs, and of a model's routings, as JSON.
#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/json.h"
#include "cli/command.h"
#include "eval/divergence.h"
#include "eval/source.h"
#include "report/frontier.h"

namespace rouse {
namespace {

struct DivergenceOptions {
  ModelOptions model;
  std::string text, strong = "topk", amateur;
  std::vector<std::string> weak;
  int n_text = 50, n_token = 256;
};

/// Texts of a file: records' `text`, or question and worked answer; else the whole of it.
std::vector<std::string> texts_of(const std::string& path) {
  const Source source(path);
  if (path.find(".jsonl") == std::string::npos) return {source.text()};
  std::vector<std::string> out;
  source.convert(source.records(), [&](const JsonValue& r, size_t) -> EvalJson {
    if (r.find("question") && r.find("rationale"))
      out.push_back(cat("Question: ", text_field(r, "question"), "\nAnswer: ", text_field(r, "rationale"),
                        " The answer is ", text_field(r, "answer"), "."));
    else
      out.push_back(text_field(r, "text"));
    return nullptr;
  });
  return out;
}

int run_divergence(DivergenceOptions o) {
  std::vector<std::string> texts = texts_of(o.text);
  texts.resize(std::min(texts.size(), static_cast<size_t>(o.n_text)));
  const ModelSpec spec = read_spec(GgufFile(model_path(o.model)));
  require_usage(spec.router.moe(), "a dense model has no routings to compare");
  if (o.weak.empty()) {
    for (int j = 1; j <= std::min(8, spec.router.n_selectable()); ++j) o.weak.push_back(cat("rank:", j));
    o.weak.emplace_back("random:1");
  }
  const auto n_stream = static_cast<int>(o.weak.size()) + 1;
  o.model.n_ctx = o.n_token;
  const Session session(o.model, n_stream, o.amateur);
  const RoutingPolicy strong(o.strong, session.router());
  std::vector<RoutingPolicy> weak;
  for (const std::string& text : o.weak) weak.emplace_back(text, session.router());
  std::optional<RoutingPolicy> amateur;
  if (session.amateur) amateur.emplace("topk", session.amateur->spec().router);
  ProgressBar bar("divergence");
  const auto rows = divergence(
      session.engines(), *session.tokenizer, strong, weak, amateur ? &*amateur : nullptr, texts, o.n_token,
      [&](double done) { bar.update(done); }, &interrupted);
  if (interrupted) return static_cast<int>(Exit::interrupted);
  const auto known = [](double x) { return std::isnan(x) ? Json(nullptr) : Json(x); };
  Json out{{"model", session.model->spec().name},
           {"fingerprint", session.model->file().fingerprint()},
           {"text", o.text},
           {"texts", texts.size()},
           {"tokens_a_text", o.n_token},
           {"strong", strong.text()},
           {"rows", Json::array()}};
  for (const DivergenceRow& row : rows) {
    Json entry{{"other", row.other}, {"kl", Json::object()}, {"unchosen", known(row.unchosen)}};
    for (size_t kind = 0; kind < kTokenKinds; ++kind) {
      const auto& s = row.kl[kind];
      entry["kl"][token_kind_name(static_cast<TokenKind>(kind))] = {
          {"mean", known(s.mean)}, {"interval", {known(s.interval.low), known(s.interval.high)}}, {"n", s.n}};
    }
    out["rows"].push_back(std::move(entry));
  }
  std::cout << out.dump(2) << '\n';
  return 0;
}

}  // namespace

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
    on_run(*c, [folders, make] {
      std::vector<EvalRun> runs;
      for (const std::string& folder : *folders)
        for (EvalRun& run : read_runs(folder)) runs.push_back(std::move(run));
      std::cout << make(runs).dump(2) << '\n';
      return 0;
    });
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
  on_run(*d, [o] { return run_divergence(*o); });
}

}  // namespace rouse
