/// cli/plan.cpp - looking at plans, comparing them, and making the ones that are their natural controls.
#include "routing/plan.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "base/text.h"
#include "cli/command.h"

namespace rouse {
namespace {

struct PlanOptions {
  std::string first, second, output, counts, gguf;
  double lambda = 0.1;
  ModelOptions model;
  uint64_t seed = 1;
  int n_expert = 10;
  bool json = false;
};

void save(const Plan& plan, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  out << plan_text(plan);
  out.close();
  require(out.good(), path, ": cannot write the plan");
}

struct ExpertRow {
  int layer, expert, samples;
  double impact, gate;
};

/// Experts of which something is known, the most causal first.
std::vector<ExpertRow> experts_by_impact(const Plan& p) {
  std::vector<ExpertRow> rows;
  for (size_t l = 0; l < p.layers.size(); ++l)
    for (size_t e = 0; e < p.impact[l].size(); ++e)
      if (!std::isnan(p.impact[l][e]))
        rows.push_back({p.layers[l], static_cast<int>(e), p.samples[l][e], p.impact[l][e], p.gate[l][e]});
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.impact > b.impact; });
  return rows;
}

/// Dormant: among the upper quarter by CEI and the lower half by gate.
std::vector<ExpertRow> dormant_experts(const std::vector<ExpertRow>& rows) {
  if (rows.empty()) return {};
  std::vector<double> impact, gate;
  for (const ExpertRow& r : rows) impact.push_back(r.impact), gate.push_back(r.gate);
  std::sort(impact.begin(), impact.end());
  std::sort(gate.begin(), gate.end());
  const double high = quantile(impact, 0.75), low = quantile(gate, 0.5);
  std::vector<ExpertRow> out;
  for (const ExpertRow& r : rows)
    if (r.impact > high && r.impact > 0 && r.gate < low) out.push_back(r);
  return out;
}

Json rows_json(const std::vector<ExpertRow>& rows, size_t n) {
  Json out = Json::array();
  for (size_t i = 0; i < std::min(n, rows.size()); ++i)
    out.push_back({{"expert", cat(rows[i].layer, ".", rows[i].expert)},
                   {"impact", rows[i].impact},
                   {"gate", rows[i].gate},
                   {"samples", rows[i].samples}});
  return out;
}

void print_experts(const char* title, const Json& rows) {
  std::printf("\n%s\n  %-10s %10s %10s %8s\n", title, "expert", "CEI", "gate", "samples");
  for (const Json& r : rows)
    std::printf("  %-10s %10.4f %10.4f %8d\n", r["expert"].get<std::string>().c_str(),
                r["impact"].get<double>(), r["gate"].get<double>(), r["samples"].get<int>());
  if (rows.empty()) std::printf("  none\n");
}

int show(const PlanOptions& o) {
  const Plan p = read_plan(o.first);
  const auto rows = experts_by_impact(p);
  const auto n = static_cast<size_t>(o.n_expert);
  Json d{{"plan", o.first},
         {"arch", p.arch},
         {"fingerprint", p.fingerprint},
         {"options", p.options},
         {"n_scored", p.n_scored},
         {"n_hard", p.n_hard},
         {"n_easy", p.n_easy},
         {"k", p.k},
         {"layers", Json::array()},
         {"most_causal", rows_json(rows, n)},
         {"dormant", rows_json(dormant_experts(rows), n)}};
  const auto known = [](double x) { return std::isnan(x) ? Json(nullptr) : Json(x); };
  for (size_t l = 0; l < p.layers.size(); ++l)
    d["layers"].push_back({{"block", p.layers[l]},
                           {"R", known(p.intensity[l])},
                           {"R_ci", {known(p.intensity_ci[l].first), known(p.intensity_ci[l].second)}},
                           {"k", p.budget[l]}});
  if (o.json) {
    std::cout << d.dump(2) << '\n';
    return 0;
  }
  std::printf("%s: %s, %zu MoE layers of %d experts, top-%d; %d tokens (%d hard, %d easy)\n\n",
              o.first.c_str(), p.arch.c_str(), p.layers.size(), p.n_expert, p.k, p.n_scored, p.n_hard,
              p.n_easy);
  std::printf("  block     k  R [95%% interval]\n");
  double most = 0;
  for (const double r : p.intensity) most = std::isnan(r) ? most : std::max(most, r);
  for (size_t l = 0; l < p.layers.size(); ++l) {
    if (std::isnan(p.intensity[l])) {
      std::printf("  %5d  %4d  not measured\n", p.layers[l], p.budget[l]);
      continue;
    }
    const auto width = static_cast<size_t>(most > 0 ? std::lround(30 * p.intensity[l] / most) : 0);
    std::printf("  %5d  %4d  %-10.4g [%.4g, %.4g]  %s\n", p.layers[l], p.budget[l], p.intensity[l],
                p.intensity_ci[l].first, p.intensity_ci[l].second, std::string(width, '#').c_str());
  }
  print_experts("Most causal experts (ablating them costs hard tokens the most)", d["most_causal"]);
  print_experts("Dormant experts (causal, yet seldom preferred)", d["dormant"]);
  return 0;
}

/// Ranks with ties sharing their mean.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> out(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t j = i;
    while (j < order.size() && values[order[j]] == values[order[i]]) ++j;
    for (size_t m = i; m < j; ++m) out[order[m]] = (static_cast<double>(i + j) - 1) / 2;
    i = j;
  }
  return out;
}

/// Spearman's rank correlation; NaN below three values or when one side is constant.
double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 3) return NAN;
  const auto x = ranks(a), y = ranks(b);
  const double m = (static_cast<double>(a.size()) - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i)
    xy += (x[i] - m) * (y[i] - m), xx += (x[i] - m) * (x[i] - m), yy += (y[i] - m) * (y[i] - m);
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : NAN;
}

/// The correlation with a 95% bootstrap interval over pairs.
Json correlation_json(std::vector<double> a, std::vector<double> b) {
  std::vector<double> x, y;
  for (size_t i = 0; i < a.size(); ++i)
    if (!std::isnan(a[i]) && !std::isnan(b[i])) x.push_back(a[i]), y.push_back(b[i]);
  const double value = rank_correlation(x, y);
  Json out{{"n", x.size()},
           {"rank_correlation", std::isnan(value) ? Json(nullptr) : Json(value)},
           {"interval", nullptr}};
  if (std::isnan(value)) return out;
  std::vector<double> draws, u(x.size()), v(x.size());
  Random random(1);
  for (int d = 0; d < 2000; ++d) {
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t from = random.below(static_cast<uint32_t>(x.size()));
      u[i] = x[from], v[i] = y[from];
    }
    const double r = rank_correlation(u, v);
    if (!std::isnan(r)) draws.push_back(r);
  }
  std::sort(draws.begin(), draws.end());
  if (!draws.empty()) out["interval"] = {quantile(draws, 0.025), quantile(draws, 0.975)};
  return out;
}

int diff(const PlanOptions& o) {
  const Plan a = read_plan(o.first), b = read_plan(o.second);
  require_model(a.layers == b.layers && a.n_expert == b.n_expert, o.second, ": ", b.layers.size(),
                " MoE layers of ", b.n_expert, " experts, ", o.first, " has ", a.layers.size(), " of ",
                a.n_expert);
  std::vector<double> x, y;
  for (size_t l = 0; l < a.layers.size(); ++l) {
    x.insert(x.end(), a.impact[l].begin(), a.impact[l].end());
    y.insert(y.end(), b.impact[l].begin(), b.impact[l].end());
  }
  Json d{{"a", o.first},
         {"b", o.second},
         {"same_model", a.fingerprint == b.fingerprint},
         {"R", correlation_json(a.intensity, b.intensity)},
         {"CEI", correlation_json(x, y)},
         {"budget_changes", Json::array()}};
  int moved = 0;
  for (size_t l = 0; l < a.layers.size(); ++l) {
    if (a.budget[l] == b.budget[l]) continue;
    d["budget_changes"].push_back({{"block", a.layers[l]}, {"a", a.budget[l]}, {"b", b.budget[l]}});
    moved += std::abs(a.budget[l] - b.budget[l]);
  }
  d["experts_moved"] = moved / 2.0;
  if (o.json) {
    std::cout << d.dump(2) << '\n';
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
              a.layers.size(), moved / 2.0);
  for (const Json& c : d["budget_changes"])
    std::printf("  block %d: %d -> %d\n", c["block"].get<int>(), c["a"].get<int>(), c["b"].get<int>());
  if (!d["same_model"]) std::printf("the plans come from different files\n");
  return 0;
}

Plan plan_of_model(const PlanOptions& o) {
  const GgufFile file(model_path(o.model));
  const ModelSpec spec = read_spec(file);
  require_usage(spec.router.moe(), file.path(), ": a dense model has no routing to plan");
  Plan p = Plan::empty(spec.router, spec.arch, spec.n_layer);
  p.fingerprint = file.fingerprint();
  return p;
}

int uniform(const PlanOptions& o) {
  Plan p = plan_of_model(o);
  p.options = {{"source", "uniform"}};
  save(p, o.output);
  return 0;
}

/// Random intensities and impacts: budgets and biases of the same kind, about nothing.
int random_plan(const PlanOptions& o) {
  const GgufFile file(model_path(o.model));
  const RouterSpec router = read_spec(file).router;
  Plan p = plan_of_model(o);
  p.options = {{"source", "random"}, {"seed", o.seed}};
  Random random(o.seed);
  for (double& r : p.intensity) r = random.uniform();
  for (auto& row : p.impact)
    for (double& x : row) x = random.uniform();
  p.budget = plan_budget(p.intensity, p.k * static_cast<int>(p.layers.size()), router.n_selectable());
  save(p, o.output);
  return 0;
}

template <class T>
void shuffle(std::vector<T>& values, Random& random) {
  for (size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[random.below(static_cast<uint32_t>(i))]);
}

/// The same numbers at other places: layers' intensities and budgets among layers, impacts within each layer.
int shuffle_plan(const PlanOptions& o) {
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
  save(p, o.output);
  return 0;
}

/// How often hard tokens use an expert instead of what its absence costs them.
int by_frequency(const PlanOptions& o) {
  Plan p = read_plan(o.first);
  p.options = {{"source", "by-frequency"}, {"of", p.options}};
  for (size_t l = 0; l < p.layers.size(); ++l)
    for (size_t e = 0; e < p.impact[l].size(); ++e) {
      p.impact[l][e] = p.samples[l][e];
      p.impact_ci[l][e] = {NAN, NAN};
    }
  save(p, o.output);
  return 0;
}

int from_counts(const PlanOptions& o) {
  const GgufFile file(model_path(o.model));
  const RouterSpec router = read_spec(file).router;
  Plan p = plan_of_model(o);
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
  save(p, o.output);
  const int sum = std::accumulate(p.budget.begin(), p.budget.end(), 0),
            usual = p.k * static_cast<int>(p.layers.size());
  if (sum != usual)
    std::fprintf(stderr, "note: %d expert evaluations a token, the model's own rule has %d\n", sum, usual);
  return 0;
}

/// Writes tensor data after a header of `path`, each padded to the alignment.
class TensorAppender {
 public:
  explicit TensorAppender(const std::string& path)
      : path_(path), out_(path, std::ios::binary | std::ios::app) {
    require(out_.good(), path, ": cannot write");
  }
  void add(std::span<const std::byte> data) {
    out_.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
    const size_t padding =
        (GGUF_DEFAULT_ALIGNMENT - data.size() % GGUF_DEFAULT_ALIGNMENT) % GGUF_DEFAULT_ALIGNMENT;
    out_.write(std::string(padding, '\0').data(), static_cast<std::streamsize>(padding));
    require(out_.good(), path_, ": cannot write (disk full?)");
  }

 private:
  std::string path_;
  std::ofstream out_;
};

/// A copy of the model whose selection bias holds lambda times the plan's impact: unmodified llama.cpp then
/// chooses experts as `plan:FILE,experts-only` does. Budgets cannot be written: the format has one k for all
/// blocks.
int export_gguf(const PlanOptions& o) {
  const GgufFile file(o.gguf);
  const ModelSpec spec = read_spec(file);
  require_model(spec.selection_bias, o.gguf, ": files of architecture ", spec.arch,
                " have no selection bias (exp_probs_b), so this format cannot hold a plan");
  require_model(file.n_part() == 1, o.gguf, ": is split; merge its parts first");
  RouterSpec router = spec.router;
  router.fingerprint = [&] { return file.fingerprint(); };
  const RoutingPolicy policy(cat("plan:", o.first, ",experts-only,lambda=", number_text(o.lambda)), router);

  const gguf_context_ptr out(gguf_init_empty());
  {
    const gguf_context_ptr source(
        gguf_init_from_buffer(file.part(0).data(), file.part(0).size(), {true, nullptr}));
    gguf_set_kv(out.get(), source.get());
    gguf_remove_key(out.get(), "general.alignment");  // the default, as TensorAppender pads
  }
  const ggml_context_ptr shapes(
      ggml_init({ggml_tensor_overhead() * (router.layers.size() + 1), nullptr, true}));
  std::vector<std::vector<float>> biases;
  std::vector<const ggml_tensor*> copied;
  for (const ggml_tensor* t : file.tensors())
    if (std::string_view(t->name).find("exp_probs_b") == std::string_view::npos) copied.push_back(t);
  for (const ggml_tensor* t : copied) gguf_add_tensor(out.get(), t);
  for (const int layer : router.layers) {
    const std::string name = cat("blk.", layer, ".exp_probs_b.bias");
    const auto bias = policy.choice().bias(layer);
    biases.emplace_back(bias.begin(), bias.end());
    if (const ggml_tensor* own = file.tensor(name)) {
      const auto* values = reinterpret_cast<const float*>(file.data(own).data());
      for (size_t e = 0; e < biases.back().size(); ++e) biases.back()[e] += values[e];
    }
    ggml_tensor* t = ggml_new_tensor_1d(shapes.get(), GGML_TYPE_F32, router.n_expert);
    ggml_set_name(t, name.c_str());
    gguf_add_tensor(out.get(), t);
  }
  require(gguf_write_to_file(out.get(), o.output.c_str(), true), o.output, ": cannot write");
  TensorAppender data(o.output);
  ProgressBar bar("writing");
  for (size_t i = 0; i < copied.size(); ++i) {
    data.add(file.data(copied[i]));
    bar.update(static_cast<double>(i + 1) / static_cast<double>(copied.size()));
    require(!interrupted, o.output, ": interrupted, the file is incomplete");
  }
  for (const auto& bias : biases) data.add(std::as_bytes(std::span(bias)));
  return 0;
}

}  // namespace

void add_plan(CLI::App& app) {
  auto o = std::make_shared<PlanOptions>();
  CLI::App* sub = app.add_subcommand("plan", "Look at plans, compare them, make their controls");
  sub->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*command)(const PlanOptions&)) {
    CLI::App* c = sub->add_subcommand(name, help);
    c->callback([o, command] { std::exit(command(*o)); });
    return c;
  };
  const auto output = [&](CLI::App* c) {
    c->add_option("-o,--output", o->output, "plan to write")->required();
  };
  const auto source = [&](CLI::App* c) { c->add_option("plan", o->first, "a plan")->required(); };
  const auto model = [&](CLI::App* c) {
    c->add_option("-m,--model", o->model.model, "model file (GGUF); the default model if left out");
  };
  const auto seed = [&](CLI::App* c) { c->add_option("-s,--seed", o->seed, "seed")->capture_default_str(); };

  CLI::App* c = add("show", "layer profile, budgets, most causal and dormant experts", show);
  source(c);
  c->add_option("-n,--experts", o->n_expert, "experts to list")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  c->add_flag("--json", o->json, "print JSON");
  c = add("diff", "rank correlations and budget changes of two plans: seeds, texts, quantisations", diff);
  source(c);
  c->add_option("other", o->second, "another plan of the same shape")->required();
  c->add_flag("--json", o->json, "print JSON");
  c = add("uniform", "the model's own budgets, no bias", uniform), model(c), output(c);
  c = add("random", "random intensities and impacts", random_plan), model(c), seed(c), output(c);
  c = add("shuffle", "a plan's numbers at other places", shuffle_plan), source(c), seed(c), output(c);
  c = add("by-frequency", "a plan with how often hard tokens used an expert instead of its impact",
          by_frequency);
  source(c), output(c);
  c = add("export", "a copy of the model whose selection bias holds the plan, for unmodified llama.cpp",
          export_gguf);
  source(c), output(c);
  c->add_option("--gguf", o->gguf, "the model file that the plan was measured on")->required();
  c->add_option("--lambda", o->lambda, "weight of the impact")->capture_default_str();
  c = add("from", "budgets by hand", from_counts), model(c), output(c);
  c->add_option("counts", o->counts, "k of every MoE layer: K,K,...")->required();
}

}  // namespace rouse
