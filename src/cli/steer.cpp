/// cli/steer.cpp - steering by experts: the flags of `rouse steer fit` and `rouse steer import`.
#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "calibration/steer_fit.h"
#include "cli/command.h"
#include "cli/output.h"

namespace rouse {
namespace {

struct SteerOptions {
  ModelOptions model;
  std::string wanted, unwanted, list, output;
  int limit = 0;
  bool force = false, json = false;
};

std::string name_of(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::string hash_of(std::span<const SteerText> texts) {
  std::string all;
  for (const SteerText& text : texts) {
    all += cat(text.first, ":");
    for (const int token : text.tokens) all += cat(token, ",");
  }
  return hex64(hash_text(all));
}

int report(const SteerOptions& o, const SteerFile& file) {
  constexpr int kShown = 10;
  const std::vector<SteeredExpert> best = steered_experts(file, kShown);
  if (o.json) {
    Json experts = Json::array();
    for (const SteeredExpert& s : best)
      experts.push_back({{"layer", s.layer}, {"expert", s.expert}, {"difference", s.difference}});
    print_json(
        {{"output", o.output}, {"n_for", file.n_for}, {"n_against", file.n_against}, {"experts", experts}});
    return 0;
  }
  std::printf("%s: %lld rows for, %lld against; what differs most (block.expert, difference of rates):\n",
              o.output.c_str(), static_cast<long long>(file.n_for), static_cast<long long>(file.n_against));
  for (const SteeredExpert& s : best) std::printf("  %d.%d  %+.3f\n", s.layer, s.expert, s.difference);
  std::printf("use: --routing topk+steer:%s,n=%d\n", o.output.c_str(), kShown);
  return 0;
}

int fit(const SteerOptions& o, const std::atomic<bool>& stop) {
  const std::string inputs[] = {model_path(o.model), o.wanted, o.unwanted};
  const OutputFile output(o.output, o.force, inputs);
  const Session session(o.model);
  const auto wanted = read_steer_texts(o.wanted, *session.tokenizer, o.limit);
  const auto unwanted = read_steer_texts(o.unwanted, *session.tokenizer, o.limit);
  ProgressBar bar("reading experts");
  SteerFile file = fit_steer(
      session, wanted, unwanted, [&](double done) { bar.update(done); }, &stop);
  file.options = {{"for", name_of(o.wanted)},
                  {"for_hash", hash_of(wanted)},
                  {"against", name_of(o.unwanted)},
                  {"against_hash", hash_of(unwanted)},
                  {"pairs", wanted.size()}};
  save_steer(file, output.file());
  return report(o, file);
}

int import(const SteerOptions& o) {
  const std::string inputs[] = {model_path(o.model), o.list};
  const OutputFile output(o.output, o.force, inputs);
  const GgufFile model(model_path(o.model));
  ModelSpec spec = read_spec(model);
  spec.router.fingerprint = [&] { return model.fingerprint(); };
  SteerFile file = import_steer(o.list, spec);
  file.options = {{"list", name_of(o.list)}};
  save_steer(file, output.file());
  return report(o, file);
}

}  // namespace

void add_steer(CLI::App& app) {
  CLI::App* sub = app.add_subcommand(
      "steer", "Steering: experts that fire in one kind of text and not in another (a safety risk)");
  sub->require_subcommand(1);
  const auto common = [](CLI::App& c, SteerOptions& o) {
    c.add_option("-o,--output", o.output, "file to write")->required();
    add_json_option(c, o.json);
    add_force_option(c, o.force);
    c.footer(
        "Used by --routing ...+steer:FILE,n=N,strength=S. It can undo what a model was trained to refuse.");
  };
  auto f = std::make_shared<SteerOptions>();
  CLI::App* c = sub->add_subcommand("fit", "Count which experts paired texts activate");
  add_model_options(*c, f->model);
  c->add_option("--for", f->wanted, "JSON Lines {\"text\", \"prompt\"}: texts to steer towards")->required();
  c->add_option("--against", f->unwanted, "as many texts to steer away from, pair by pair")->required();
  c->add_option("--limit", f->limit, "only the first N pairs (0: all)")->check(CLI::Range(0, 1 << 30));
  common(*c, *f);
  on_run(*c, [f](const std::atomic<bool>& stop) { return fit(*f, stop); });
  auto i = std::make_shared<SteerOptions>();
  c = sub->add_subcommand("import", "Turn a published list into a file for this model");
  add_option(*c, *find_option("model"), {.model = &i->model});
  c->add_option("list", i->list, "JSON Lines {\"layer\", \"expert\", \"risk_diff\"}")->required();
  common(*c, *i);
  on_run(*c, [i] { return import(*i); });
}

}  // namespace rouse
