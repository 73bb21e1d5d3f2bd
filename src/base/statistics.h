/// base/statistics.h - the one log_softmax and argmax, and summaries of repeated measurements.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace rouse {

/// Index of the largest value; ties to the lower index. values must not be empty.
size_t argmax(std::span<const float> values);

/// values becomes log-probs in nats. -inf entries stay -inf; at least one entry must be finite. Sums in
/// double.
void log_softmax(std::span<float> values);

/// values becomes probabilities over its finite entries.
void softmax(std::span<float> values);

/// Linear interpolation between order statistics; q in [0, 1]. sorted must be ascending and not empty.
double quantile(const std::vector<double>& sorted, double q);

/// Median and the range of the middle half.
struct Spread {
  double median = 0, low = 0, high = 0;
};
Spread spread(std::vector<double> values);

/// Median of paired ratios with a 95% interval of the median by bootstrap (2,000 seeded resamples).
Spread ratio_interval(std::span<const double> numerators, std::span<const double> denominators);

}  // namespace rouse
