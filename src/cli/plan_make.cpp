/// cli/plan_make.cpp - plans that are the natural controls of a measured one.
#include <numeric>

#include "base/error.h"
#include "base/output_file.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/plan_command.h"
#include "model/model_spec.h"

namespace rouse {

static Plan unmeasured(const GgufFile& file) {
  const ModelSpec spec = read_spec(file);
  require_usage(spec.router.moe(), file.path(), ": a dense model has no routing to plan");
  Plan p = Plan::empty(spec.router, spec.arch, spec.n_layer);
  p.fingerprint = file.fingerprint();
  return p;
}

int plan_uniform(const PlanOptions& o) {
  const OutputFile output(o.output, o.force);
  Plan p = unmeasured(GgufFile(model_path(o.model)));
  p.options = {{"source", "uniform"}};
  save_plan(p, output.file());
  return 0;
}

/// Random intensities and impacts: budgets and biases of the same kind, about nothing.
int plan_random(const PlanOptions& o) {
  const OutputFile output(o.output, o.force);
  const GgufFile file(model_path(o.model));
  const RouterSpec router = read_spec(file).router;
  Plan p = unmeasured(file);
  p.options = {{"source", "random"}, {"seed", o.seed}};
  Random random(o.seed);
  for (double& r : p.intensity) r = random.uniform();
  for (auto& row : p.impact)
    for (double& x : row) x = random.uniform();
  p.budget = plan_budget(p.intensity, p.k * static_cast<int>(p.layers.size()), router.n_selectable());
  save_plan(p, output.file());
  return 0;
}

/// The same numbers at other places: layers' intensities and budgets among layers, impacts within each layer.
int plan_shuffle(const PlanOptions& o) {
  const OutputFile output(o.output, o.force, {&o.first, 1});
  const Plan source = read_plan(o.first);
  Plan p = source;
  p.options = {{"source", "shuffle"}, {"seed", o.seed}, {"of", source.options}};
  Random random(o.seed);
  std::vector<size_t> order(p.layers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  shuffle(order, random);
  for (size_t l = 0; l < order.size(); ++l) {
    p.intensity[l] = source.intensity[order[l]];
    p.intensity_ci[l] = source.intensity_ci[order[l]];
    p.hard[l] = source.hard[order[l]];
    p.easy[l] = source.easy[order[l]];
    p.budget[l] = source.budget[order[l]];
    shuffle(p.impact[l], random);
    p.impact_ci[l].assign(p.impact[l].size(), {NAN, NAN});
  }
  save_plan(p, output.file());
  return 0;
}

/// How often hard tokens use an expert instead of what its absence costs them.
int plan_by_frequency(const PlanOptions& o) {
  const OutputFile output(o.output, o.force, {&o.first, 1});
  Plan p = read_plan(o.first);
  p.options = {{"source", "by-frequency"}, {"of", p.options}};
  for (size_t l = 0; l < p.layers.size(); ++l)
    for (size_t e = 0; e < p.impact[l].size(); ++e) {
      p.impact[l][e] = p.samples[l][e];
      p.impact_ci[l][e] = {NAN, NAN};
    }
  save_plan(p, output.file());
  return 0;
}

int plan_from_counts(const PlanOptions& o) {
  const OutputFile output(o.output, o.force);
  const GgufFile file(model_path(o.model));
  const RouterSpec router = read_spec(file).router;
  Plan p = unmeasured(file);
  p.options = {{"source", "from"}, {"k", o.counts}};
  const auto parts = split(o.counts, ',');
  require_usage(parts.size() == p.layers.size(), "plan from: ", parts.size(), " budgets, the model has ",
                p.layers.size(), " MoE layers");
  for (size_t l = 0; l < parts.size(); ++l) {
    const auto k = parse_int(trim(parts[l]));
    require_usage(k && *k >= 1 && *k <= router.n_selectable(), "plan from: \"", parts[l],
                  "\" is no budget of 1 to ", router.n_selectable());
    p.budget[l] = static_cast<int>(*k);
  }
  save_plan(p, output.file());
  const int sum = std::accumulate(p.budget.begin(), p.budget.end(), 0),
            usual = p.k * static_cast<int>(p.layers.size());
  if (sum != usual)
    std::fprintf(stderr, "note: %d expert evaluations a token, the model's own rule has %d\n", sum, usual);
  return 0;
}

}  // namespace rouse
