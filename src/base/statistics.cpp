#include "base/statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "base/lanes.h"

namespace rouse {

size_t argmax(std::span<const float> values) {
  assert(!values.empty());
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

size_t first_unsound(std::span<const float> values) {
  const auto unsound = [](float v) { return !(v < INFINITY); };
  unsigned found = 0;  // without a branch: a vocabulary is looked through at every step
  for (const float v : values) found |= unsound(v);
  return found ? static_cast<size_t>(std::find_if(values.begin(), values.end(), unsound) - values.begin())
               : values.size();
}

/// Largest of values; NaNs do not count.
ROUSE_WIDE static float largest_of(const float* values, size_t n) {
  Lanes largest = Lanes{} - INFINITY, v;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    load(v, values + i);
    largest = v > largest ? v : largest;
  }
  float out = -INFINITY;
  for (int l = 0; l < kLanes; ++l) out = std::max(out, largest[l]);
  for (; i < n; ++i) out = std::max(out, values[i]);
  return out;
}

/// Sum of exp(values - largest). Over a vocabulary a float sum loses digits: few terms, then double.
ROUSE_WIDE static double sum_exp(const float* values, size_t n, float largest) {
  constexpr size_t kTerms = 16 * kLanes;
  double out = 0;
  for (size_t first = 0; first < n; first += kTerms) {
    Lanes sum = {}, v;
    for (size_t i = first; i < std::min(n, first + kTerms); i += kLanes) {
      if (i + kLanes <= n) {
        load(v, values + i);
      } else {
        v = Lanes{} - INFINITY;
        std::memcpy(&v, values + i, (n - i) * sizeof(float));
      }
      v -= largest;
      exp_lanes(v);
      sum += v;
    }
    for (int l = 0; l < kLanes; ++l) out += sum[l];
  }
  return out;
}

/// log of the sum of exp(values), as the largest and what the others add: to a sure model's largest logit
/// they add so little that it would be lost in one number.
struct LogSumExp {
  double largest, rest;
};
static LogSumExp log_sum_exp(std::span<const float> values) {
  const float* begin = values.data();
  const float largest = largest_of(begin, values.size());
  const auto at = static_cast<size_t>(std::find(values.begin(), values.end(), largest) - values.begin());
  if (at == values.size()) return {NAN, NAN};
  return {largest,
          std::log1p(sum_exp(begin, at, largest) + sum_exp(begin + at + 1, values.size() - at - 1, largest))};
}

void log_softmax(std::span<float> values) {
  const auto [largest, rest] = log_sum_exp(values);
  const double norm = largest + rest;
  for (float& v : values) v = static_cast<float>(v - norm);
}

void softmax(std::span<float> values) {
  const float largest = values[argmax(values)];
  double sum = 0;
  for (float& v : values) sum += v = std::exp(v - largest);
  for (float& v : values) v = static_cast<float>(v / sum);
}

double nll(std::span<const float> logits, int token) {
  const auto [largest, rest] = log_sum_exp(logits);
  return largest - logits[static_cast<size_t>(token)] + rest;
}

double log_odds(std::span<const float> logits, int token) {
  const auto at = static_cast<size_t>(token);
  const float *before = logits.data(), *after = before + at + 1;
  const size_t n_after = logits.size() - at - 1;
  const float largest = std::max(largest_of(before, at), largest_of(after, n_after));
  return logits[at] - (largest + std::log(sum_exp(before, at, largest) + sum_exp(after, n_after, largest)));
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
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

Interval bootstrap_interval(uint64_t seed, uint64_t stream, int n_resample,
                            const std::function<double(Random&)>& draw) {
  std::vector<double> values;
  for (int i = 0; i < n_resample; ++i) {
    Random random(seed, stream, static_cast<uint64_t>(i));
    const double value = draw(random);
    if (!std::isnan(value)) values.push_back(value);
  }
  if (values.empty()) return {NAN, NAN};
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.025), quantile(values, 0.975)};
}

Interval wilson_interval(double n_success, double n) {
  constexpr double z = 1.959963984540054;  // the normal distribution's 97.5% quantile
  const double p = n_success / n, scale = 1 + z * z / n, middle = (p + z * z / (2 * n)) / scale;
  const double half = z / scale * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

std::vector<double> resample(std::span<const double> values, Random& random) {
  std::vector<double> out(values.size());
  for (double& x : out) x = values[random.below(static_cast<uint32_t>(values.size()))];
  return out;
}

double deviation(std::span<const double> values) {
  if (values.size() < 2) return NAN;
  const double m = mean(values);
  double sum = 0;
  for (const double x : values) sum += (x - m) * (x - m);
  return std::sqrt(sum / (static_cast<double>(values.size()) - 1));
}

/// The continued fraction of the regularised incomplete beta function (DLMF 8.17.22), by Lentz's method; it
/// converges fast for x < (a + 1) / (a + b + 2).
static double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto sound = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1, d = 1 / sound(1 - (a + b) * x / (a + 1)), out = d;
  for (int m = 1; m < 500; ++m) {
    const auto step = [&](double term) {
      d = 1 / sound(1 + term * d);
      c = sound(1 + term / c);
      out *= c * d;
    };
    step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    const double before = out;
    step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
    if (std::abs(out - before) < 1e-15 * std::abs(out)) break;
  }
  return out;
}

/// I_x(a, b), regularised.
static double incomplete_beta(double a, double b, double x) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                   : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double student_tail(double t, double freedom) {
  const double half = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
  return t >= 0 ? half : 1 - half;
}

double student_quantile(double tail, double freedom) {
  double low = -1, high = 1;
  while (student_tail(high, freedom) > tail && high < 1e300) high *= 2;
  while (student_tail(low, freedom) < tail && low > -1e300) low *= 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    (student_tail(middle, freedom) > tail ? low : high) = middle;
  }
  return high;
}

double sign_flip_p(std::span<const double> values, uint64_t seed, int n_flip) {
  const auto sum = [&](const auto& signed_value) {
    double out = 0;
    for (const double value : values) out += signed_value(value);
    return std::abs(out);
  };
  double size = 0;
  for (const double value : values) size += std::abs(value);
  // Sums of the same values in other signs differ by rounding alone where they are equal.
  const double observed = sum([](double v) { return v; }) - 1e-12 * size;
  int64_t n_far = 1;
  for (int i = 0; i < n_flip; ++i) {
    Random random(seed, 11, static_cast<uint64_t>(i));
    n_far += sum([&](double v) { return random.below(2) ? v : -v; }) >= observed;
  }
  return static_cast<double>(n_far) / (n_flip + 1);
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> out(p.size());
  double most = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    most = std::max(most, std::min(1.0, p[order[i]] * static_cast<double>(p.size() - i)));
    out[order[i]] = most;
  }
  return out;
}

/// Ranks from 0 with ties sharing their mean.
static std::vector<double> ranks(std::span<const double> values) {
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

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  assert(a.size() == b.size());
  if (a.size() < 3) return NAN;
  const auto x = ranks(a), y = ranks(b);
  const double m = (static_cast<double>(a.size()) - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i)
    xy += (x[i] - m) * (y[i] - m), xx += (x[i] - m) * (x[i] - m), yy += (y[i] - m) * (y[i] - m);
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : NAN;
}

Spread ratio_interval(std::span<const double> numerators, std::span<const double> denominators) {
  assert(numerators.size() == denominators.size());
  if (numerators.empty()) return {};
  std::vector<double> ratios(numerators.size());
  for (size_t i = 0; i < ratios.size(); ++i) ratios[i] = numerators[i] / denominators[i];
  const Interval i =
      bootstrap_interval(1, 0, 2000, [&](Random& random) { return spread(resample(ratios, random)).median; });
  return {spread(ratios).median, i.low, i.high};
}

}  // namespace rouse
