/// cli/plan.cpp - the flags of `rouse plan`, and plans for people.
#include <cmath>
#include <iostream>
#include <numeric>

#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "calibration/plan_controls.h"
#include "calibration/plan_export.h"
#include "cli/command.h"
#include "cli/output.h"
#include "report/plan_profile.h"

namespace rouse {
namespace {

struct PlanOptions {
  std::string first, second, output, counts, gguf;
  double lambda = 0.1;
  ModelOptions model;
  uint64_t seed = 1;
  int n_expert = 10;
  bool json = false, force = false;
};

void print_experts(const char* title, const Json& rows) {
  std::printf("\n%s\n  %-10s %10s %10s %10s %8s\n", title, "expert", "CEI", "at least", "gate", "samples");
  for (const Json& r : rows)
    std::printf("  %-10s %10.4f %10.4f %10.4f %8d\n", r["expert"].get<std::string>().c_str(),
                r["impact"].get<double>(), r["at_least"].get<double>(), r["gate"].get<double>(),
                r["samples"].get<int>());
  if (rows.empty()) std::printf("  none that %d hard tokens or more used\n", kLeastRanked);
}

int plan_show(const PlanOptions& o) {
  const Plan p = read_plan(o.first);
  const Json d = plan_profile(p, o.first, static_cast<size_t>(o.n_expert));
  if (o.json) {
    print_json(d);
    return 0;
  }
  print_text(cat(o.first, ": ", printable(p.arch), ", ", p.layers.size(), " MoE layers of ", p.n_expert,
                 " experts, top-", p.k, "; ", p.n_scored, " tokens (", p.n_hard, " hard, ", p.n_easy,
                 " easy)\n\n"));
  if (const std::string warning = plan_warning(p); !warning.empty())
    print_text(cat("Warning: ", warning, ".\n\n"));
  const bool shrunk = &p.shares() == &p.shrunk;
  std::printf("  block     k  R [95%% interval]%s\n", shrunk ? ", shrunk" : "");
  double most = 0;
  for (const double r : p.intensity) most = std::isnan(r) ? most : std::max(most, r);
  for (size_t l = 0; l < p.layers.size(); ++l) {
    if (std::isnan(p.intensity[l])) {
      std::printf("  %5d  %4d  not measured\n", p.layers[l], p.budget[l]);
      continue;
    }
    const auto width = static_cast<size_t>(most > 0 ? std::lround(30 * (p.intensity[l] / most)) : 0);
    std::printf("  %5d  %4d  %-10.4g [%.4g, %.4g]", p.layers[l], p.budget[l], p.intensity[l],
                p.intensity_ci[l].first, p.intensity_ci[l].second);
    if (shrunk) std::printf(", %.4g", p.shrunk[l]);
    std::printf("  %s\n", std::string(width, '#').c_str());
  }
  print_experts("Most causal experts (ablating them costs hard tokens the most)", d["most_causal"]);
  print_experts("Dormant experts (causal, yet seldom preferred)", d["dormant"]);
  if (p.evidence) print_text("\nEvidence for moving experts\n" + evidence_text(p, o.first, 5));
  return 0;
}

int plan_evidence(const PlanOptions& o) {
  const Plan p = read_plan(o.first);
  if (o.json)
    print_json(evidence_json(evidence_of(p, o.first)));
  else
    print_text(evidence_text(p, o.first, static_cast<size_t>(o.n_expert)));
  return 0;
}

int plan_diff(const PlanOptions& o) {
  const Plan a = read_plan(o.first), b = read_plan(o.second);
  const Json d = plan_difference(a, o.first, b, o.second);
  if (o.json) {
    print_json(d);
    return 0;
  }
  for (const char* what : {"R", "CEI"}) {
    const Json& c = d[what];
    if (c["rank_correlation"].is_null())
      std::printf("%-4s no rank correlation over %d common values\n", what, c["n"].get<int>());
    else
      std::printf("%-4s rank correlation %.3f [%.3f, %.3f] over %d values\n", what,
                  c["rank_correlation"].get<double>(), c["interval"][0].get<double>(),
                  c["interval"][1].get<double>(), c["n"].get<int>());
  }
  std::printf("budgets differ in %zu of %zu blocks (%g experts moved)\n", d["budget_changes"].size(),
              a.layers.size(), d["experts_moved"].get<double>());
  for (const Json& c : d["budget_changes"])
    std::printf("  block %d: %d -> %d\n", c["block"].get<int>(), c["a"].get<int>(), c["b"].get<int>());
  if (!d["same_model"]) std::printf("the plans come from different files\n");
  return 0;
}

/// What a command that leaves a plan says with --json; without, it says nothing.
int saved(const PlanOptions& o, const Plan& plan) {
  if (!o.json) return 0;
  print_json({{"output", o.output},
              {"layers", plan.layers},
              {"budget", plan.budget},
              {"experts_per_token", std::accumulate(plan.budget.begin(), plan.budget.end(), 0)}});
  return 0;
}

/// A plan of a model.
template <class Make>
Plan save_of_model(const PlanOptions& o, Make make) {
  const OutputFile output(o.output, o.force);
  const Plan plan = make(GgufFile(model_path(o.model)));
  save_plan(plan, output.file());
  return plan;
}

/// A plan made of another.
template <class Make>
int save_of_plan(const PlanOptions& o, Make make) {
  const OutputFile output(o.output, o.force, {&o.first, 1});
  const Plan plan = make(read_plan(o.first));
  save_plan(plan, output.file());
  return saved(o, plan);
}

int plan_uniform(const PlanOptions& o) {
  return saved(o, save_of_model(o, uniform_plan));
}
int plan_random(const PlanOptions& o) {
  return saved(o, save_of_model(o, [&](const GgufFile& file) { return random_plan(file, o.seed); }));
}
int plan_shuffle(const PlanOptions& o) {
  return save_of_plan(o, [&](const Plan& source) { return shuffled_plan(source, o.seed); });
}
int plan_by_frequency(const PlanOptions& o) {
  return save_of_plan(o, frequency_plan);
}
int plan_from_counts(const PlanOptions& o) {
  const Plan p = save_of_model(o, [&](const GgufFile& file) { return counted_plan(file, o.counts); });
  const int sum = std::accumulate(p.budget.begin(), p.budget.end(), 0),
            usual = p.k * static_cast<int>(p.layers.size());
  if (sum != usual)
    std::fprintf(stderr, "note: %d expert evaluations a token, the model's own rule has %d\n", sum, usual);
  return saved(o, p);
}
int plan_export(const PlanOptions& o, const std::atomic<bool>& stop) {
  const std::string inputs[] = {o.first, o.gguf};
  const OutputFile output(o.output, o.force, inputs);
  ProgressBar bar("writing");
  export_plan(
      {o.first, o.gguf, o.lambda}, output.file(), [&](double done) { bar.update(done); }, &stop);
  if (o.json) print_json({{"output", o.output}, {"plan", o.first}, {"gguf", o.gguf}, {"lambda", o.lambda}});
  return 0;
}

}  // namespace

void add_plan(CLI::App& app) {
  auto o = std::make_shared<PlanOptions>();
  CLI::App* sub = app.add_subcommand("plan", "Look at plans, compare them, make their controls");
  sub->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, auto command) {
    CLI::App* c = sub->add_subcommand(name, help);
    on_run(*c, [o, command](const std::atomic<bool>& stop) {
      if constexpr (std::is_invocable_v<decltype(command), const PlanOptions&>)
        return command(*o);
      else
        return command(*o, stop);
    });
    add_json_option(*c, o->json);
    return c;
  };
  const auto output = [&](CLI::App* c) {
    c->add_option("-o,--output", o->output, "file to write")->required();
    add_force_option(*c, o->force);
  };
  const auto source = [&](CLI::App* c) { c->add_option("plan", o->first, "a plan")->required(); };
  const auto model = [&](CLI::App* c) {
    c->add_option("-m,--model", o->model.model, "model file (GGUF); the default model if left out");
  };
  const auto seed = [&](CLI::App* c) { c->add_option("-s,--seed", o->seed, "seed")->capture_default_str(); };

  CLI::App* c = add("show", "layer profile, budgets, most causal and dormant experts, evidence", plan_show);
  source(c);
  c->add_option("-n,--experts", o->n_expert, "experts to list")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  c = add("evidence", "what was measured before experts moved between blocks, or why none did",
          plan_evidence);
  source(c);
  c->add_option("-n,--moves", o->n_expert, "moves to list")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  c = add("diff", "rank correlations and budget changes of two plans: seeds, texts, quantisations",
          plan_diff);
  source(c);
  c->add_option("other", o->second, "another plan of the same shape")->required();
  c = add("uniform", "the model's own budgets, no bias", plan_uniform), model(c), output(c);
  c = add("random", "random intensities and impacts", plan_random), model(c), seed(c), output(c);
  c = add("shuffle", "a plan's numbers at other places", plan_shuffle), source(c), seed(c), output(c);
  c = add("by-frequency", "a plan with how often hard tokens used an expert instead of its impact",
          plan_by_frequency);
  source(c), output(c);
  c = add("export", "a copy of the model whose selection bias holds the plan, for unmodified llama.cpp",
          plan_export);
  source(c), output(c);
  c->add_option("--gguf", o->gguf, "the model file that the plan was measured on")->required();
  c->add_option("--lambda", o->lambda, "weight of the impact")->capture_default_str();
  c = add("from", "budgets by hand", plan_from_counts), model(c), output(c);
  c->add_option("counts", o->counts, "k of every MoE layer: K,K,...")->required();
}

}  // namespace rouse
