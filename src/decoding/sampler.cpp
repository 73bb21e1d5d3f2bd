#include "decoding/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/statistics.h"
#include "decoding/contrast.h"

namespace rouse {

void SamplingOptions::check() const {
  require_option(temperature >= 0 && std::isfinite(temperature), "temp", " is ", temperature,
                 ", expected 0 or more");
  require_option(top_k >= 0, "top_k", " is ", top_k, ", expected 0 or more");
  require_option(top_p > 0 && top_p <= 1, "top_p", " is ", top_p, ", expected a number in (0, 1]");
  require_option(min_p >= 0 && min_p <= 1, "min_p", " is ", min_p, ", expected a number in [0, 1]");
  require_option(repeat_penalty > 0 && std::isfinite(repeat_penalty), "repeat_penalty", " is ",
                 repeat_penalty, ", expected more than 0");
  require_usage(std::isfinite(presence_penalty) && std::isfinite(frequency_penalty),
                "presence_penalty and frequency_penalty must be finite");
  require_option(repeat_last_n >= -1, "repeat_last_n", " is ", repeat_last_n, ", expected -1 or more");
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {
  options_.check();
}

void Sampler::penalize(std::span<float> scores, std::span<const int> history) const {
  const auto& o = options_;
  if (o.repeat_penalty == 1.0f && o.presence_penalty == 0.0f && o.frequency_penalty == 0.0f) return;
  if (o.repeat_last_n >= 0 && history.size() > static_cast<size_t>(o.repeat_last_n))
    history = history.last(static_cast<size_t>(o.repeat_last_n));
  std::map<int, int> counts;
  for (const int token : history) ++counts[token];
  // double, and back within a float's range: a penalty must not make a score infinite, nor forbid a token.
  constexpr double kLargest = std::numeric_limits<float>::max();
  for (const auto& [token, count] : counts) {
    float& score = scores[static_cast<size_t>(token)];
    if (!std::isfinite(score)) continue;
    double s = score > 0 ? double{score} / o.repeat_penalty : double{score} * o.repeat_penalty;
    s -= double{o.presence_penalty} + count * double{o.frequency_penalty};
    score = static_cast<float>(std::clamp(s, -kLargest, kLargest));
  }
}

int Sampler::pick(std::span<float> scores, std::span<const int> history) {
  if (const size_t at = first_unsound(scores); at < scores.size())
    throw Error(cat("the score of token ", at, " is ", scores[at]));
  penalize(scores, history);
  const auto best = argmax(scores);
  require(std::isfinite(scores[best]), "the model gave no finite score for any token");
  if (options_.temperature == 0.0f) return static_cast<int>(best);

  std::vector<int> kept =
      best_tokens(scores, options_.top_k > 0 ? static_cast<size_t>(options_.top_k) : SIZE_MAX);
  // Shares of the best one's probability, 1 for itself. The largest score goes first, in double: over a tiny
  // temperature a score would leave the range of numbers, a difference becomes a share of 0.
  const auto share = [&](int token, double temperature) {
    return std::exp((double{scores[static_cast<size_t>(token)]} - scores[best]) / temperature);
  };
  // top-p and min-p look at the probabilities before the temperature.
  std::vector<double> p(kept.size());
  std::transform(kept.begin(), kept.end(), p.begin(), [&](int token) { return share(token, 1); });
  const double enough =
      options_.top_p < 1 ? options_.top_p * std::accumulate(p.begin(), p.end(), 0.0) : INFINITY;
  size_t n = 0;
  for (double sum = 0; n < p.size() && (n == 0 || (sum < enough && p[n] >= options_.min_p)); ++n) sum += p[n];
  p.resize(n);
  double sum = 0;
  for (size_t i = 0; i < n; ++i) p[i] = sum += share(kept[i], options_.temperature);
  const double u = random_.uniform() * sum;  // below the sum, so that some token's end is above it
  return kept[static_cast<size_t>(std::upper_bound(p.begin(), p.end(), u) - p.begin())];
}

}  // namespace rouse
