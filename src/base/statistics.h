/// base/statistics.h - the one log_softmax and argmax, and summaries of repeated measurements.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/random.h"

namespace rouse {

/// Index of the largest value; ties to the lower index. values must not be empty.
size_t argmax(std::span<const float> values);

/// Index of the first value that is NaN or +inf, values.size() where there is none. -inf is a mask.
size_t first_unsound(std::span<const float> values);

/// values becomes log-probs in nats. -inf entries stay -inf; at least one entry must be finite.
void log_softmax(std::span<float> values);

/// values becomes probabilities over its finite entries.
void softmax(std::span<float> values);

/// -log softmax(logits)[token], nats. A loss near 0 is as exact, relative to itself, as a large one: 1e-6.
double nll(std::span<const float> logits, int token);

/// Log-odds of a token against all others, nats: logits[token] - log sum over v != token of exp(logits[v]).
/// Of a sure token too every digit counts: NLL = log(1 + exp(-log-odds)) is near 0 there, this is not. The
/// vocabulary has two tokens or more.
double log_odds(std::span<const float> logits, int token);

/// NaN when empty.
double mean(std::span<const double> values);

/// Linear interpolation between order statistics; q in [0, 1]. sorted must be ascending and not empty.
double quantile(const std::vector<double>& sorted, double q);

/// Median and the range of the middle half.
struct Spread {
  double median = 0, low = 0, high = 0;
};
Spread spread(std::vector<double> values);

struct Interval {
  double low = 0, high = 0;
};
/// 95% interval of a statistic by bootstrap (percentiles of n_resample draws). `draw` computes it on one
/// resample; resample i takes its numbers from Random(seed, stream, i), so intervals do not depend on each
/// other. Draws that are NaN do not count; with none left both ends are NaN.
Interval bootstrap_interval(uint64_t seed, uint64_t stream, int n_resample,
                            const std::function<double(Random&)>& draw);
/// Wilson's score interval (1927) of a share at 95%: of some width even where all succeed, within [0, 1].
/// n > 0.
Interval wilson_interval(double n_success, double n);
/// As many values, drawn with replacement.
std::vector<double> resample(std::span<const double> values, Random& random);

/// Standard deviation of the values about their mean, n - 1 in the denominator; NaN below two.
double deviation(std::span<const double> values);

/// P(T > t) of Student's t with `freedom` >= 1 degrees of freedom, and the t that leaves `tail` in (0, 1)
/// above.
double student_tail(double t, double freedom);
double student_quantile(double tail, double freedom);

/// Two-sided p of a mean other than 0: the share of `n_flip` random assignments of signs to the values whose
/// sum is as far from 0 as theirs (Fisher's randomisation test), the given one counted among them. 1 where
/// there is none.
double sign_flip_p(std::span<const double> values, uint64_t seed, int n_flip = 9999);

/// Holm's correction over a family of p values, in their order.
std::vector<double> holm(const std::vector<double>& p);

/// Spearman's rank correlation of pairs, ties sharing their mean rank; NaN below three pairs or when one side
/// is constant.
double rank_correlation(std::span<const double> a, std::span<const double> b);

/// Median of paired ratios with a 95% interval of the median by bootstrap.
Spread ratio_interval(std::span<const double> numerators, std::span<const double> denominators);

}  // namespace rouse
