#include "base/statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/random.h"

namespace rouse {

size_t argmax(std::span<const float> values) {
  assert(!values.empty());
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

/// log of the sum of exp(values), by the largest entry; in double, because a float sum over a vocabulary
/// loses digits.
static double log_sum_exp(std::span<const float> values, float largest) {
  double sum = 0;
  for (const float v : values) sum += std::exp(static_cast<double>(v) - largest);
  return std::log(sum) + largest;
}

void log_softmax(std::span<float> values) {
  const double norm = log_sum_exp(values, values[argmax(values)]);
  for (float& v : values) v = static_cast<float>(v - norm);
}

void softmax(std::span<float> values) {
  const float largest = values[argmax(values)];
  double sum = 0;
  for (float& v : values) sum += v = std::exp(v - largest);
  for (float& v : values) v = static_cast<float>(v / sum);
}

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Spread spread(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)};
}

Spread ratio_interval(std::span<const double> numerators, std::span<const double> denominators) {
  assert(numerators.size() == denominators.size());
  if (numerators.empty()) return {};
  std::vector<double> ratios(numerators.size());
  for (size_t i = 0; i < ratios.size(); ++i) ratios[i] = numerators[i] / denominators[i];
  Random random(1);
  std::vector<double> medians, sample(ratios.size());
  for (int draw = 0; draw < 2000; ++draw) {
    for (double& v : sample) v = ratios[random.below(static_cast<uint32_t>(ratios.size()))];
    std::sort(sample.begin(), sample.end());
    medians.push_back(quantile(sample, 0.5));
  }
  std::sort(medians.begin(), medians.end());
  return {spread(ratios).median, quantile(medians, 0.025), quantile(medians, 0.975)};
}

}  // namespace rouse
