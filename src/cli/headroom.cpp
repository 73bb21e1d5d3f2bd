/// cli/headroom.cpp - how much another route could help on a text, before anything is tuned.
#include "calibration/headroom.h"

#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/output.h"
#include "cli/steps.h"
#include "report/headroom_table.h"

namespace rouse {
namespace {

struct HeadroomCommand {
  ModelOptions model;
  HeadroomOptions options;
  std::vector<std::string> texts;
  std::string output;
  bool force = false, json = false;
};

Json provenance_of(const HeadroomCommand& c) {
  const HeadroomOptions& o = c.options;
  Json texts = Json::array();
  for (const std::string& path : c.texts) texts.push_back(std::filesystem::path(path).filename().string());
  return {{"text", texts},
          {"tokens", o.n_scored},
          {"document_tokens", o.n_token},
          {"percentile", o.strata.hard},
          {"nu", o.strata.nu},
          {"candidates", o.n_candidate},
          {"layers", o.layers},
          {"seed", o.seed},
          {"naive", o.naive},
          {"kv_type", c.model.kv_type}};
}

int headroom(HeadroomCommand c, const std::atomic<bool>& stop) {
  std::vector<std::string> inputs = c.texts;
  inputs.push_back(model_path(c.model));
  OutputFile output(c.output, c.force, inputs);
  c.options.restart = c.force;
  c.model.n_ctx = probe_cells(c.options.n_token);
  const Session session(c.model, 1, "", 1);
  require_usage(session.router().moe(), "a dense model has one route only");
  std::vector<Document> documents = read_corpus(c.texts, *session.tokenizer, c.options.n_token);
  choose_scored(documents, c.options.n_scored, c.options.seed);
  announce_full_passes(*session.engine, documents, c.options);
  const std::string state = output.file() + ".state";
  const double begin = now_seconds();
  const Cost before = session.engine->cost();
  ProgressBar bar("headroom");
  const auto result = measure_headroom(
      *session.engine, documents, c.options, provenance_of(c), state, [&](double done) { bar.update(done); },
      &stop);
  if (!result) throw interrupted_with(state);
  Json json{{"format", "rouse-headroom"},
            {"version", 1},
            {"fingerprint", session.engine->file().fingerprint()},
            {"options", provenance_of(c)}};
  json.update(headroom_json(*result));
  json["seconds"] = now_seconds() - begin;
  json["cost"] = cost_json(session.engine->cost() - before);
  output.stream() << json.dump(2) << '\n';
  output.commit();
  std::filesystem::remove(state);
  if (c.json)
    print_json(json);
  else
    print_text(headroom_text(*result));
  return 0;
}

}  // namespace

void add_headroom(CLI::App& app) {
  auto c = std::make_shared<HeadroomCommand>();
  CLI::App* sub = app.add_subcommand(
      "headroom",
      "How much another route could help on a text: the best swap of every hard token, and what of it a "
      "static bias keeps");
  add_model_options(*sub, c->model);
  add_text_options(*sub, c->texts, c->options.n_scored, c->options.n_token);
  sub->add_option("--percentile", c->options.strata.hard, "of NLL, above which a token is hard")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  sub->add_option("--nu", c->options.strata.nu, "tokens with an NLL below this do not count, nats")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  sub->add_option("--candidates", c->options.n_candidate,
                  "only so many of the unchosen experts of a row, the best by gate (0: all)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  sub->add_option("--layers", c->options.layers, "measure these blocks only");
  sub->add_flag("--naive", c->options.naive, "by full passes: the same, slower; for the proof");
  sub->add_option("-s,--seed", c->options.seed, "seed of every draw")->capture_default_str();
  sub->add_option(
         "-o,--output", c->output,
         "JSON to write; what is done is kept in FILE.state until it is whole, and the same command goes on")
      ->required();
  add_force_option(*sub, c->force);
  add_json_option(*sub, c->json);
  on_run(*sub, [c](const std::atomic<bool>& stop) { return headroom(*c, stop); });
}

}  // namespace rouse
