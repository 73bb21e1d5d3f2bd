#include "calibration/plan_controls.h"

#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "model/model_spec.h"

namespace rouse {

static Plan unmeasured(const GgufFile& file) {
  const ModelSpec spec = read_spec(file);
  require_usage(spec.router.moe(), file.path(), ": a dense model has no routing to plan");
  Plan p = Plan::empty(spec.router, spec.arch, spec.n_layer);
  p.fingerprint = file.fingerprint();
  return p;
}

Plan uniform_plan(const GgufFile& file) {
  Plan p = unmeasured(file);
  p.options = {{"source", "uniform"}};
  return p;
}

Plan random_plan(const GgufFile& file, uint64_t seed) {
  const RouterSpec router = read_spec(file).router;
  Plan p = unmeasured(file);
  p.options = {{"source", "random"}, {"seed", seed}};
  Random random(seed);
  for (double& r : p.intensity) r = random.uniform();
  for (auto& row : p.impact)
    for (double& x : row) x = random.uniform();
  p.budget = plan_budget(p.intensity, p.k * static_cast<int>(p.layers.size()), router.n_selectable());
  return p;
}

Plan shuffled_plan(const Plan& source, uint64_t seed) {
  Plan p = source;
  p.options = {{"source", "shuffle"}, {"seed", seed}, {"of", source.options}};
  p.evidence.reset();  // it is of the layers as they were
  Random random(seed);
  std::vector<size_t> order(p.layers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  shuffle(order, random);
  for (size_t l = 0; l < order.size(); ++l) {
    p.intensity[l] = source.intensity[order[l]];
    p.intensity_ci[l] = source.intensity_ci[order[l]];
    p.error[l] = source.error[order[l]];
    p.shrunk[l] = source.shrunk[order[l]];
    p.hard[l] = source.hard[order[l]];
    p.easy[l] = source.easy[order[l]];
    p.budget[l] = source.budget[order[l]];
    shuffle(p.impact[l], random);
    p.impact_ci[l].assign(p.impact[l].size(), {NAN, NAN});
  }
  return p;
}

Plan frequency_plan(Plan p) {
  p.options = {{"source", "by-frequency"}, {"of", p.options}};
  for (size_t l = 0; l < p.layers.size(); ++l)
    for (size_t e = 0; e < p.impact[l].size(); ++e) {
      p.impact[l][e] = p.samples[l][e];
      p.impact_ci[l][e] = {NAN, NAN};
    }
  return p;
}

std::vector<int> counted_budget(const std::string& counts, const RouterSpec& router) {
  const auto parts = split(counts, ',');
  require_usage(parts.size() == router.layers.size(), parts.size(), " budgets, the model has ",
                router.layers.size(), " MoE layers");
  std::vector<int> out;
  for (const std::string& part : parts) {
    const auto k = parse_int(trim(part));
    require_usage(k && *k >= 1 && *k <= router.n_selectable(), "\"", part, "\" is not a budget of 1 to ",
                  router.n_selectable());
    out.push_back(static_cast<int>(*k));
  }
  return out;
}

Plan counted_plan(const GgufFile& file, const std::string& counts) {
  Plan p = unmeasured(file);
  p.options = {{"source", "from"}, {"k", counts}};
  p.budget = counted_budget(counts, read_spec(file).router);
  return p;
}

}  // namespace rouse
