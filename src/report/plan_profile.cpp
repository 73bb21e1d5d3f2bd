#include "report/plan_profile.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"

namespace rouse {

std::vector<ExpertRow> experts_by_impact(const Plan& p) {
  std::vector<ExpertRow> rows;
  for (size_t l = 0; l < p.layers.size(); ++l)
    for (size_t e = 0; e < p.impact[l].size(); ++e)
      if (!std::isnan(p.impact[l][e]) && p.samples[l][e] >= kLeastRanked)
        rows.push_back({p.layers[l], static_cast<int>(e), p.samples[l][e], p.impact[l][e], p.gate[l][e],
                        std::isnan(p.impact_ci[l][e].first) ? p.impact[l][e] : p.impact_ci[l][e].first});
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.low > b.low; });
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

namespace {

Json rows_json(const std::vector<ExpertRow>& rows, size_t n) {
  Json out = Json::array();
  for (size_t i = 0; i < std::min(n, rows.size()); ++i)
    out.push_back({{"expert", cat(rows[i].layer, ".", rows[i].expert)},
                   {"impact", rows[i].impact},
                   {"at_least", rows[i].low},
                   {"gate", rows[i].gate},
                   {"samples", rows[i].samples}});
  return out;
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

Json plan_profile(const Plan& p, const std::string& name, size_t n_expert) {
  const auto rows = experts_by_impact(p);
  Json d{{"plan", name},
         {"arch", p.arch},
         {"fingerprint", p.fingerprint},
         {"options", p.options},
         {"n_scored", p.n_scored},
         {"n_hard", p.n_hard},
         {"n_easy", p.n_easy},
         {"k", p.k},
         {"warning", plan_warning(p)},
         {"layers", Json::array()},
         {"most_causal", rows_json(rows, n_expert)},
         {"dormant", rows_json(dormant_experts(rows), n_expert)}};
  const auto known = [](double x) { return std::isnan(x) ? Json(nullptr) : Json(x); };
  for (size_t l = 0; l < p.layers.size(); ++l)
    d["layers"].push_back({{"block", p.layers[l]},
                           {"R", known(p.intensity[l])},
                           {"R_ci", {known(p.intensity_ci[l].first), known(p.intensity_ci[l].second)}},
                           {"R_shrunk", known(p.shrunk[l])},
                           {"k", p.budget[l]}});
  d["evidence"] = p.evidence ? evidence_json(*p.evidence) : Json(nullptr);
  return d;
}

std::string plan_warning(const Plan& p) {
  constexpr int kFew = 200;
  if (p.n_scored == 0 || p.n_hard >= kFew) return "";
  return cat("this plan rests on ", p.n_hard, " hard tokens of ", p.n_scored, " scored ones; below ", kFew,
             " its numbers change from text to text: score more tokens");
}

Json plan_difference(const Plan& a, const std::string& a_name, const Plan& b, const std::string& b_name) {
  require_file(a.layers == b.layers && a.n_expert == b.n_expert, b_name, ": ", b.layers.size(),
               " MoE layers of ", b.n_expert, " experts, ", a_name, " has ", a.layers.size(), " of ",
               a.n_expert);
  std::vector<double> x, y;
  for (size_t l = 0; l < a.layers.size(); ++l) {
    x.insert(x.end(), a.impact[l].begin(), a.impact[l].end());
    y.insert(y.end(), b.impact[l].begin(), b.impact[l].end());
  }
  Json d{{"a", a_name},
         {"b", b_name},
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
  return d;
}

}  // namespace rouse
