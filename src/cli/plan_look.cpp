/// cli/plan_look.cpp - looking at plans and comparing them.
#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"
#include "cli/plan_command.h"

namespace rouse {
namespace {

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

/// The correlation over pairs that both know, with a 95% bootstrap interval.
Json correlation_json(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> x, y;
  for (size_t i = 0; i < a.size(); ++i)
    if (!std::isnan(a[i]) && !std::isnan(b[i])) x.push_back(a[i]), y.push_back(b[i]);
  const double value = rank_correlation(x, y);
  Json out{{"n", x.size()},
           {"rank_correlation", std::isnan(value) ? Json(nullptr) : Json(value)},
           {"interval", nullptr}};
  if (std::isnan(value)) return out;
  std::vector<double> u(x.size()), v(x.size());
  const Interval interval = bootstrap_interval(1, 0, 2000, [&](Random& random) {
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t from = random.below(static_cast<uint32_t>(x.size()));
      u[i] = x[from], v[i] = y[from];
    }
    return rank_correlation(u, v);
  });
  if (!std::isnan(interval.low)) out["interval"] = {interval.low, interval.high};
  return out;
}

}  // namespace

int plan_show(const PlanOptions& o) {
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
              o.first.c_str(), printable(p.arch).c_str(), p.layers.size(), p.n_expert, p.k, p.n_scored,
              p.n_hard, p.n_easy);
  std::printf("  block     k  R [95%% interval]\n");
  double most = 0;
  for (const double r : p.intensity) most = std::isnan(r) ? most : std::max(most, r);
  for (size_t l = 0; l < p.layers.size(); ++l) {
    if (std::isnan(p.intensity[l])) {
      std::printf("  %5d  %4d  not measured\n", p.layers[l], p.budget[l]);
      continue;
    }
    const auto width = static_cast<size_t>(most > 0 ? std::lround(30 * (p.intensity[l] / most)) : 0);
    std::printf("  %5d  %4d  %-10.4g [%.4g, %.4g]  %s\n", p.layers[l], p.budget[l], p.intensity[l],
                p.intensity_ci[l].first, p.intensity_ci[l].second, std::string(width, '#').c_str());
  }
  print_experts("Most causal experts (ablating them costs hard tokens the most)", d["most_causal"]);
  print_experts("Dormant experts (causal, yet seldom preferred)", d["dormant"]);
  return 0;
}

int plan_diff(const PlanOptions& o) {
  const Plan a = read_plan(o.first), b = read_plan(o.second);
  require_file(a.layers == b.layers && a.n_expert == b.n_expert, o.second, ": ", b.layers.size(),
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

}  // namespace rouse
