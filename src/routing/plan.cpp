#include "routing/plan.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/error.h"
#include "base/files.h"

namespace rouse {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxPlanBytes = 256u << 20;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// Reads checked fields of one JSON object.
class Fields {
 public:
  Fields(const Json& json, std::string name) : json_(json), name_(std::move(name)) {
    require_model(json_.is_object(), name_, ": is no JSON object");
  }
  const Json& at(const char* key) const {
    require_model(json_.contains(key), name_, ": field ", key, " is missing");
    return json_[key];
  }
  std::string text(const char* key) const {
    require_model(at(key).is_string(), name_, ": field ", key, " is no text");
    return at(key).get<std::string>();
  }
  int integer(const char* key, int64_t low, int64_t high) const { return integer(at(key), key, low, high); }
  int integer(const Json& value, const std::string& what, int64_t low, int64_t high) const {
    const bool whole = value.is_number_integer() &&
                       (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{INT64_MAX});
    require_model(whole && value.get<int64_t>() >= low && value.get<int64_t>() <= high, name_, ": field ",
                  what, " is ", value.dump(), ", expected ", low, " to ", high);
    return static_cast<int>(value.get<int64_t>());
  }
  double number(const Json& value, const std::string& what) const {
    if (value.is_null()) return kUnknown;
    require_model(value.is_number() && std::isfinite(value.get<double>()), name_, ": field ", what, " is ",
                  value.dump(), ", expected a finite number or null");
    return value.get<double>();
  }
  const Json& array(const Json& value, const std::string& what, size_t size) const {
    require_model(value.is_array() && value.size() == size, name_, ": field ", what, " has ",
                  value.is_array() ? cat(value.size(), " entries") : std::string("no entries"), ", expected ",
                  size);
    return value;
  }
  std::vector<double> numbers(const Json& value, const std::string& what, size_t size) const {
    std::vector<double> out;
    for (const Json& x : array(value, what, size)) out.push_back(number(x, what));
    return out;
  }
  std::vector<std::pair<double, double>> intervals(const Json& value, const std::string& what,
                                                   size_t size) const {
    std::vector<std::pair<double, double>> out;
    for (const Json& pair : array(value, what, size)) {
      const auto ends = pair.is_null() ? std::vector<double>{kUnknown, kUnknown} : numbers(pair, what, 2);
      out.emplace_back(ends[0], ends[1]);
    }
    return out;
  }

 private:
  const Json& json_;
  std::string name_;
};

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
  p.intensity = p.hard = p.easy = std::vector<double>(n, kUnknown);
  p.intensity_ci.assign(n, unknown);
  p.impact = p.gate = std::vector<std::vector<double>>(n, std::vector<double>(e, kUnknown));
  p.impact_ci.assign(n, std::vector<std::pair<double, double>>(e, unknown));
  p.samples.assign(n, std::vector<int>(e, 0));
  p.budget.assign(n, router.n_expert_used);
  return p;
}

Plan parse_plan(const std::string& text, const std::string& name) {
  const Json json = Json::parse(text, nullptr, false);
  require_model(!json.is_discarded(), name, ": is not valid JSON");
  const Fields f(json, name);
  require_model(f.text("format") == "rouse-plan", name, ": format is \"", f.text("format"),
                "\", expected \"rouse-plan\"");
  f.integer("version", 1, 1);
  Plan p;
  const Fields model(f.at("model"), name + ": model");
  p.fingerprint = model.text("fingerprint");
  p.arch = model.text("arch");
  p.n_layer = model.integer("n_layer", 1, 1024);
  p.n_expert = model.integer("n_expert", 1, 4096);
  p.k = model.integer("k", 1, p.n_expert);
  p.options = f.at("options");
  require_model(p.options.is_object(), name, ": field options is no object");
  const Json& layers = f.at("layers");
  require_model(layers.is_array() && !layers.empty() && layers.size() <= static_cast<size_t>(p.n_layer), name,
                ": field layers lists no blocks, or more than ", p.n_layer);
  for (const Json& layer : layers) {
    p.layers.push_back(f.integer(layer, "layers", 0, p.n_layer - 1));
    require_model(p.layers.size() == 1 || p.layers[p.layers.size() - 2] < p.layers.back(), name,
                  ": field layers is not ascending");
  }
  const size_t n = p.layers.size(), e = static_cast<size_t>(p.n_expert);
  p.intensity = f.numbers(f.at("R"), "R", n);
  p.intensity_ci = f.intervals(f.at("R_ci"), "R_ci", n);
  p.hard = f.numbers(f.at("S_hard"), "S_hard", n);
  p.easy = f.numbers(f.at("S_easy"), "S_easy", n);
  for (const double r : p.intensity)
    require_model(!(r < 0), name, ": field R holds ", r, ", expected 0 or more");
  for (const Json& row : f.array(f.at("CEI"), "CEI", n)) p.impact.push_back(f.numbers(row, "CEI", e));
  for (const Json& row : f.array(f.at("CEI_ci"), "CEI_ci", n))
    p.impact_ci.push_back(f.intervals(row, "CEI_ci", e));
  for (const Json& row : f.array(f.at("gate"), "gate", n)) p.gate.push_back(f.numbers(row, "gate", e));
  for (const Json& row : f.array(f.at("samples"), "samples", n)) {
    p.samples.emplace_back();
    for (const Json& count : f.array(row, "samples", e))
      p.samples.back().push_back(f.integer(count, "samples", 0, INT32_MAX));
  }
  for (const Json& k : f.array(f.at("k"), "k", n)) p.budget.push_back(f.integer(k, "k", 1, p.n_expert));
  p.n_scored = f.integer("n_scored", 0, INT32_MAX);
  p.n_hard = f.integer("n_hard", 0, INT32_MAX);
  p.n_easy = f.integer("n_easy", 0, INT32_MAX);
  return p;
}

Plan read_plan(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  require_model(in.good(), path, ": cannot open the plan");
  require_model(static_cast<size_t>(in.tellg()) <= kMaxPlanBytes, path, ": is larger than any plan (",
                kMaxPlanBytes, " bytes)");
  in.seekg(0);
  std::ostringstream text;
  text << in.rdbuf();
  return parse_plan(text.str(), path);
}

std::string plan_text(const Plan& p) {
  Json json{{"format", "rouse-plan"},
            {"version", 1},
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
            {"S_hard", numbers_json(p.hard)},
            {"S_easy", numbers_json(p.easy)},
            {"CEI", rows_json(p.impact, numbers_json)},
            {"CEI_ci", rows_json(p.impact_ci, intervals_json)},
            {"samples", p.samples},
            {"gate", rows_json(p.gate, numbers_json)}};
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
