#include "routing/plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace rouse {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// R may be anything; an impact is a difference of nats, or a count. Differences of two of them stay finite,
/// in float too.
constexpr double kMost = std::numeric_limits<double>::max(), kMostImpact = 1e30;

double number(const JsonValue& value, double low, double high) {
  return value.is_null() ? kUnknown : value.real(low, high);
}
std::vector<double> numbers(const JsonValue& value, size_t n, double low, double high) {
  std::vector<double> out;
  for (const JsonValue& x : value.list(n, n)) out.push_back(number(x, low, high));
  return out;
}
std::vector<std::pair<double, double>> intervals(const JsonValue& value, size_t n, double most) {
  std::vector<std::pair<double, double>> out;
  for (const JsonValue& pair : value.list(n, n)) {
    const auto ends =
        pair.is_null() ? std::vector<double>{kUnknown, kUnknown} : numbers(pair, 2, -most, most);
    out.emplace_back(ends[0], ends[1]);
  }
  return out;
}
std::vector<int> blocks(const JsonValue& value, int n_layer) {
  std::vector<int> out = value.integers(1, static_cast<size_t>(n_layer), 0, n_layer - 1);
  for (size_t l = 1; l < out.size(); ++l)
    if (out[l - 1] >= out[l]) value[l].refuse("more than the entry before it");
  return out;
}
int count(const JsonValue& value) {
  return static_cast<int>(value.integer(0, INT32_MAX));
}

Json number_json(double x) {
  return std::isnan(x) ? Json(nullptr) : Json(x);
}
Json numbers_json(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double x : values) out.push_back(number_json(x));
  return out;
}
Json intervals_json(const std::vector<std::pair<double, double>>& values) {
  Json out = Json::array();
  for (const auto& [low, high] : values)
    out.push_back(std::isnan(low) ? Json(nullptr) : Json::array({low, high}));
  return out;
}
template <class Row, class ToJson>
Json rows_json(const std::vector<Row>& rows, ToJson to_json) {
  Json out = Json::array();
  for (const Row& row : rows) out.push_back(to_json(row));
  return out;
}

}  // namespace

Plan Plan::empty(const RouterSpec& router, const std::string& arch, int n_layer) {
  Plan p;
  p.arch = arch;
  p.n_layer = n_layer;
  p.n_expert = router.n_expert;
  p.k = router.n_expert_used;
  p.layers = router.layers;
  const size_t n = router.layers.size(), e = static_cast<size_t>(router.n_expert);
  const std::pair<double, double> unknown{kUnknown, kUnknown};
  p.intensity = p.error = p.shrunk = p.hard = p.easy = std::vector<double>(n, kUnknown);
  p.intensity_ci.assign(n, unknown);
  p.impact = p.gate = std::vector<std::vector<double>>(n, std::vector<double>(e, kUnknown));
  p.impact_ci.assign(n, std::vector<std::pair<double, double>>(e, unknown));
  p.samples.assign(n, std::vector<int>(e, 0));
  p.budget.assign(n, router.n_expert_used);
  return p;
}

const std::vector<double>& Plan::shares() const {
  const bool whole = std::none_of(shrunk.begin(), shrunk.end(), [](double r) { return std::isnan(r); });
  return whole && !shrunk.empty() ? shrunk : intensity;
}

static void check_fields(const JsonValue& f, int version) {
  if (version == 1)
    f.only({"format", "version", "model", "options", "n_scored", "n_hard", "n_easy", "layers", "k", "R",
            "R_ci", "S_hard", "S_easy", "CEI", "CEI_ci", "samples", "gate"});
  else
    f.only({"format", "version", "model",  "options", "n_scored", "n_hard",   "n_easy",
            "layers", "k",       "R",      "R_ci",    "R_error",  "R_shrunk", "S_hard",
            "S_easy", "CEI",     "CEI_ci", "samples", "gate",     "evidence"});
}

static Plan plan_of(const JsonValue& f) {
  if (f.at("format").text() != "rouse-plan") f.at("format").refuse("\"rouse-plan\"");
  Plan p;
  p.version = static_cast<int>(f.at("version").integer(1, 2));
  check_fields(f, p.version);
  const JsonValue model = f.at("model");
  model.only({"fingerprint", "arch", "n_layer", "n_expert", "k"});
  p.fingerprint = model.at("fingerprint").text();
  p.arch = model.at("arch").text();
  p.n_layer = static_cast<int>(model.at("n_layer").integer(1, 1024));
  p.n_expert = static_cast<int>(model.at("n_expert").integer(1, 4096));
  p.k = static_cast<int>(model.at("k").integer(1, p.n_expert));
  if (!f.at("options").json().is_object()) f.at("options").refuse("an object");
  p.options = f.at("options").json();
  p.layers = blocks(f.at("layers"), p.n_layer);
  const size_t n = p.layers.size(), e = static_cast<size_t>(p.n_expert);
  p.intensity = numbers(f.at("R"), n, 0, kMost);
  p.intensity_ci = intervals(f.at("R_ci"), n, kMost);
  p.error = p.shrunk = std::vector<double>(n, kUnknown);
  if (p.version > 1) {
    p.error = numbers(f.at("R_error"), n, 0, kMost);
    p.shrunk = numbers(f.at("R_shrunk"), n, 0, kMost);
    const JsonValue evidence = f.at("evidence");
    if (!evidence.is_null()) p.evidence = read_evidence(evidence, p.layers, p.n_expert);
  }
  p.hard = numbers(f.at("S_hard"), n, -kMost, kMost);
  p.easy = numbers(f.at("S_easy"), n, -kMost, kMost);
  for (const JsonValue& row : f.at("CEI").list(n, n))
    p.impact.push_back(numbers(row, e, -kMostImpact, kMostImpact));
  for (const JsonValue& row : f.at("CEI_ci").list(n, n))
    p.impact_ci.push_back(intervals(row, e, kMostImpact));
  for (const JsonValue& row : f.at("gate").list(n, n)) p.gate.push_back(numbers(row, e, -kMost, kMost));
  for (const JsonValue& row : f.at("samples").list(n, n))
    p.samples.push_back(row.integers(e, e, 0, INT32_MAX));
  p.budget = f.at("k").integers(n, n, 1, p.n_expert);
  p.n_scored = count(f.at("n_scored"));
  p.n_hard = count(f.at("n_hard"));
  p.n_easy = count(f.at("n_easy"));
  return p;
}

Plan parse_plan(const std::string& text, const std::string& name) {
  const Json json = parse_json(text, name, ErrorKind::bad_file);
  return plan_of(JsonValue(json, name, ErrorKind::bad_file));
}

Plan read_plan(const std::string& path) {
  const Json json = read_json(path, ErrorKind::bad_file);
  return plan_of(JsonValue(json, path, ErrorKind::bad_file));
}

std::string plan_text(const Plan& p) {
  Json json{{"format", "rouse-plan"},
            {"version", p.version},
            {"model",
             {{"fingerprint", p.fingerprint},
              {"arch", p.arch},
              {"n_layer", p.n_layer},
              {"n_expert", p.n_expert},
              {"k", p.k}}},
            {"options", p.options},
            {"n_scored", p.n_scored},
            {"n_hard", p.n_hard},
            {"n_easy", p.n_easy},
            {"layers", p.layers},
            {"k", p.budget},
            {"R", numbers_json(p.intensity)},
            {"R_ci", intervals_json(p.intensity_ci)},
            {"R_error", numbers_json(p.error)},
            {"R_shrunk", numbers_json(p.shrunk)},
            {"S_hard", numbers_json(p.hard)},
            {"S_easy", numbers_json(p.easy)},
            {"CEI", rows_json(p.impact, numbers_json)},
            {"CEI_ci", rows_json(p.impact_ci, intervals_json)},
            {"samples", p.samples},
            {"gate", rows_json(p.gate, numbers_json)},
            {"evidence", p.evidence ? evidence_json(*p.evidence) : Json(nullptr)}};
  if (p.version == 1)
    for (const char* later : {"R_error", "R_shrunk", "evidence"}) json.erase(later);
  std::string out = "{\n";  // a field a line: diffs and eyes
  size_t i = 0;
  for (const auto& [key, value] : json.items())
    out += cat("  \"", key, "\": ", value.dump(), ++i < json.size() ? ",\n" : "\n");
  return out + "}\n";
}

void save_plan(const Plan& plan, const std::string& path) {
  write_whole(path, plan_text(plan));
}

std::vector<int> plan_budget(const std::vector<double>& intensity, int total, int k_max) {
  const size_t n = intensity.size();
  const double most = intensity.empty() ? 0.0 : *std::max_element(intensity.begin(), intensity.end());
  double sum = 0;
  for (const double r : intensity) sum += most > 0 ? r / most : 0.0;  // by the largest: no sum can overflow
  require_usage(total >= static_cast<int>(n) && total <= static_cast<int64_t>(n) * k_max, "a budget of ",
                total, " experts does not fit ", n, " layers of 1 to ", k_max);
  std::vector<double> q(n, static_cast<double>(total) / static_cast<double>(n));
  if (sum > 0)
    for (size_t l = 0; l < n; ++l) q[l] = total * (intensity[l] / most) / sum;
  std::vector<int> k;
  for (const double x : q)
    k.push_back(static_cast<int>(std::clamp(std::round(x), 1.0, static_cast<double>(k_max))));
  int left = total - std::accumulate(k.begin(), k.end(), 0);
  while (left != 0) {
    size_t best = n;
    for (size_t l = 0; l < n; ++l) {
      if (left > 0 ? k[l] >= k_max : k[l] <= 1) continue;
      const double rest = q[l] - k[l];
      if (best == n || (left > 0 ? rest > q[best] - k[best] : rest < q[best] - k[best])) best = l;
    }
    k[best] += left > 0 ? 1 : -1;
    left += left > 0 ? -1 : 1;
  }
  return k;
}

std::vector<float> normalised_impact(const std::vector<double>& impact) {
  double low = INFINITY, high = -INFINITY;
  for (const double x : impact)
    if (!std::isnan(x)) low = std::min(low, x), high = std::max(high, x);
  std::vector<float> out(impact.size(), 0.0f);
  if (!(high > low)) return out;
  for (size_t e = 0; e < impact.size(); ++e)
    if (!std::isnan(impact[e])) out[e] = static_cast<float>((impact[e] - low) / (high - low));
  return out;
}

}  // namespace rouse
