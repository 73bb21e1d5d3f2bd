#include "eval/summary.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/statistics.h"

namespace rouse {
namespace {

constexpr int kResamples = 2000;
/// A perplexity stays a number that JSON can hold.
constexpr double kLargestExponent = 300;

/// Fields of a row that are no metrics.
bool is_metric(const std::string& key, const EvalJson& value) {
  return value.is_number() && key != "doc_id" && key != "seconds";
}

/// A metric as a ratio of sums over items: a mean has ones below.
struct Ratio {
  std::vector<double> above, below;
  bool exponential = false;  ///< a perplexity
  /// Of items that are right or wrong. Resampling 60 right ones never gives a wrong one.
  bool is_share() const {
    return !exponential && std::all_of(above.begin(), above.end(), [](double v) { return v == 0 || v == 1; });
  }
  double value(std::span<const double> a, std::span<const double> b) const {
    const double ratio = std::accumulate(a.begin(), a.end(), 0.0) / std::accumulate(b.begin(), b.end(), 0.0);
    return exponential ? std::exp(std::min(ratio, kLargestExponent)) : ratio;
  }
};

using Rows = std::vector<const EvalJson*>;

std::map<std::string, Ratio> metrics_of(const Rows& rows) {
  std::map<std::string, Ratio> out;
  for (const EvalJson* at : rows) {
    const EvalJson& row = *at;
    const bool perplexity = row.contains("nll") && row.contains("tokens");
    for (const auto& [key, value] : row.items()) {
      if (!is_metric(key, value) || (perplexity && key == "tokens")) continue;
      Ratio& r = out[perplexity && key == "nll" ? "perplexity" : key];
      r.exponential = perplexity && key == "nll";
      r.above.push_back(value.get<double>());
      r.below.push_back(r.exponential ? row["tokens"].get<double>() : 1.0);
    }
  }
  return out;
}

Rows all_of(const std::vector<EvalJson>& rows) {
  Rows out;
  for (const EvalJson& row : rows) out.push_back(&row);
  return out;
}

EvalJson summary_of(const Rows& rows) {
  EvalJson out = EvalJson::object();
  for (const auto& [name, values] : metrics_of(rows)) {
    const Ratio& ratio = values;
    const size_t n = ratio.above.size();
    std::vector<double> a(n), b(n), draws;
    const Interval interval = bootstrap_interval(1, 0, kResamples, [&](Random& random) {
      for (size_t i = 0; i < n; ++i) {
        const size_t from = random.below(static_cast<uint32_t>(n));
        a[i] = ratio.above[from], b[i] = ratio.below[from];
      }
      draws.push_back(ratio.value(a, b));
      return draws.back();
    });
    const double sum = std::accumulate(ratio.above.begin(), ratio.above.end(), 0.0);
    const Interval shown = ratio.is_share() ? wilson_interval(sum, static_cast<double>(n)) : interval;
    const double middle = mean(draws);
    double variance = 0;
    for (const double x : draws) variance += (x - middle) * (x - middle);
    out[name] = {{"value", ratio.value(ratio.above, ratio.below)},
                 {"stderr", std::sqrt(variance / static_cast<double>(draws.size()))},
                 {"interval", {shown.low, shown.high}},
                 {"n", n}};
  }
  return out;
}

}  // namespace

EvalJson summarise(const std::vector<EvalJson>& rows) {
  return summary_of(all_of(rows));
}

EvalJson summarise_groups(const std::vector<EvalJson>& rows) {
  EvalJson out{{"all", summarise(rows)}};
  std::vector<std::string> order;
  std::map<std::string, Rows> groups;
  for (const EvalJson& row : rows) {
    const std::string group = row.value("group", "");
    if (group.empty()) continue;
    if (!groups.count(group)) order.push_back(group);
    groups[group].push_back(&row);
  }
  for (const std::string& group : order) out[group] = summary_of(groups[group]);
  return out;
}

double mcnemar(int64_t n01, int64_t n10) {
  const int64_t n = n01 + n10;
  if (n == 0) return 1;
  double tail = 0;  // P(X <= min), X binomial(n, 1/2)
  for (int64_t k = 0; k <= std::min(n01, n10); ++k)
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) -
                     static_cast<double>(n) * std::log(2.0));
  return std::min(1.0, 2 * tail);
}

std::vector<std::pair<const EvalJson*, const EvalJson*>> paired_rows(const std::vector<EvalJson>& a,
                                                                     const std::vector<EvalJson>& b) {
  std::map<std::string, const EvalJson*> of_b;
  for (const EvalJson& row : b) of_b[row["id"].get<std::string>()] = &row;
  std::vector<std::pair<const EvalJson*, const EvalJson*>> out;
  for (const EvalJson& row : a)
    if (const auto found = of_b.find(row["id"].get<std::string>()); found != of_b.end())
      out.emplace_back(&row, found->second);
  return out;
}

EvalJson compare_rows(const std::vector<EvalJson>& a, const std::vector<EvalJson>& b) {
  Rows left, right;
  for (const auto& [of_a, of_b] : paired_rows(a, b)) left.push_back(of_a), right.push_back(of_b);
  EvalJson out = EvalJson::object();
  const auto x = metrics_of(left), y = metrics_of(right);
  for (const auto& [name, values] : x) {
    const Ratio& before = values;
    const auto after = y.find(name);
    if (after == y.end() || after->second.above.size() != before.above.size()) continue;
    const Ratio& now = after->second;
    const size_t n = before.above.size();
    std::vector<double> a1(n), b1(n), a2(n), b2(n);
    const Interval interval = bootstrap_interval(1, 1, kResamples, [&](Random& random) {
      for (size_t i = 0; i < n; ++i) {
        const size_t from = random.below(static_cast<uint32_t>(n));
        a1[i] = before.above[from], b1[i] = before.below[from];
        a2[i] = now.above[from], b2[i] = now.below[from];
      }
      return now.value(a2, b2) - before.value(a1, b1);
    });
    EvalJson entry{{"a", before.value(before.above, before.below)},
                   {"b", now.value(now.above, now.below)},
                   {"difference", now.value(now.above, now.below) - before.value(before.above, before.below)},
                   {"interval", {interval.low, interval.high}},
                   {"n", n}};
    if (before.is_share() && now.is_share()) {
      int64_t only_a = 0, only_b = 0;
      for (size_t i = 0; i < n; ++i)
        only_a += before.above[i] > now.above[i], only_b += before.above[i] < now.above[i];
      entry["only_a"] = only_a;
      entry["only_b"] = only_b;
      entry["mcnemar_p"] = mcnemar(only_a, only_b);
    }
    out[name] = entry;
  }
  return out;
}

}  // namespace rouse
