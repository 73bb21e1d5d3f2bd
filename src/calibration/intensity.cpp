#include "calibration/intensity.h"

#include <cmath>
#include <limits>

#include "base/random.h"
#include "base/statistics.h"

namespace rouse {
namespace {

constexpr double kEpsilon = 1e-8;  // of R_l
constexpr int kResamples = 1000;

struct Sum {
  double value = 0, n = 0;
  explicit Sum(const std::vector<double>& values = {}) : n(static_cast<double>(values.size())) {
    for (const double x : values) value += x;
  }
  Sum& operator+=(const Sum& o) {
    value += o.value, n += o.n;
    return *this;
  }
  double mean() const { return value / n; }
};

double ratio_of(const Sum& hard, const Sum& easy) {
  return hard.mean() / (easy.mean() + kEpsilon);
}

}  // namespace

LayerIntensity intensity_of(std::span<const DocumentChanges> documents, uint64_t seed, uint64_t stream) {
  std::vector<Sum> hard, easy;
  Sum all_hard, all_easy;
  for (const DocumentChanges& d : documents) {
    if (d.hard.empty() && d.easy.empty()) continue;
    hard.emplace_back(d.hard), easy.emplace_back(d.easy);
    all_hard += hard.back(), all_easy += easy.back();
  }
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  LayerIntensity out{all_hard.mean(), all_easy.mean(), ratio_of(all_hard, all_easy),
                     kUnknown,        kUnknown,        kUnknown};
  if (hard.size() < 2) return out;
  std::vector<double> logs;
  const auto draw = [&](Random& random) {
    Sum h, e;
    for (size_t i = 0; i < hard.size(); ++i) {
      const size_t from = random.below(static_cast<uint32_t>(hard.size()));
      h += hard[from], e += easy[from];
    }
    const double r = ratio_of(h, e);  // NaN where one kind is missing
    if (std::isfinite(std::log(r))) logs.push_back(std::log(r));
    return r;
  };
  const Interval interval = bootstrap_interval(seed, stream, kResamples, draw);
  out.low = interval.low, out.high = interval.high;
  out.error = deviation(logs);
  return out;
}

std::vector<double> shrunk_intensity(const std::vector<double>& ratios, const std::vector<double>& errors) {
  std::vector<double> logs, variances;
  const auto counts = [&](size_t l) { return ratios[l] > 0 && !std::isnan(errors[l]); };
  for (size_t l = 0; l < ratios.size(); ++l)
    if (counts(l)) logs.push_back(std::log(ratios[l])), variances.push_back(errors[l] * errors[l]);
  std::vector<double> out = ratios;
  if (logs.size() < 2) return out;
  const double spread = deviation(logs), middle = mean(logs);
  const double between = std::max(0.0, spread * spread - mean(variances));
  for (size_t l = 0; l < ratios.size(); ++l) {
    if (!counts(l)) continue;
    const double share = between > 0 ? between / (between + errors[l] * errors[l]) : 0.0;
    out[l] = std::exp(middle + share * (std::log(ratios[l]) - middle));
  }
  return out;
}

}  // namespace rouse
