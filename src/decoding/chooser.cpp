#include "decoding/chooser.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/statistics.h"
#include "decoding/contrast.h"

namespace rouse {

void SamplingOptions::check() const {
  require_usage(temperature >= 0 && std::isfinite(temperature), "--temp is ", temperature,
                ", expected 0 or more");
  require_usage(top_k >= 0, "--top-k is ", top_k, ", expected 0 or more");
  require_usage(top_p > 0 && top_p <= 1, "--top-p is ", top_p, ", expected a number in (0, 1]");
  require_usage(min_p >= 0 && min_p <= 1, "--min-p is ", min_p, ", expected a number in [0, 1]");
  require_usage(repeat_penalty > 0 && std::isfinite(repeat_penalty), "--repeat-penalty is ", repeat_penalty,
                ", expected more than 0");
  require_usage(repeat_last_n >= -1, "--repeat-last-n is ", repeat_last_n, ", expected -1 or more");
}

Chooser::Chooser(const SamplingOptions& options) : options_(options), random_(options.seed) {
  options_.check();
}

void Chooser::penalize(std::span<float> scores, std::span<const int> history) const {
  const auto& o = options_;
  if (o.repeat_penalty == 1.0f && o.presence_penalty == 0.0f && o.frequency_penalty == 0.0f) return;
  if (o.repeat_last_n >= 0 && history.size() > static_cast<size_t>(o.repeat_last_n))
    history = history.last(static_cast<size_t>(o.repeat_last_n));
  std::map<int, int> counts;
  for (const int token : history) ++counts[token];
  for (const auto& [token, count] : counts) {
    float& score = scores[static_cast<size_t>(token)];
    score = score > 0 ? score / o.repeat_penalty : score * o.repeat_penalty;
    score -= o.presence_penalty + static_cast<float>(count) * o.frequency_penalty;
  }
}

int Chooser::pick(std::span<float> scores, std::span<const int> history) {
  if (const size_t at = first_unsound(scores); at < scores.size())
    throw Error(cat("the score of token ", at, " is ", scores[at]));
  penalize(scores, history);
  const auto best = static_cast<int>(argmax(scores));
  require(std::isfinite(scores[static_cast<size_t>(best)]), "the model gave no finite score for any token");
  if (options_.temperature == 0.0f) return best;

  std::vector<int> kept =
      best_tokens(scores, options_.top_k > 0 ? static_cast<size_t>(options_.top_k) : SIZE_MAX);
  // top-p and min-p look at the probabilities before the temperature.
  std::vector<float> p(kept.size());
  for (size_t i = 0; i < kept.size(); ++i) p[i] = scores[static_cast<size_t>(kept[i])];
  softmax(p);
  size_t n = 0;
  for (double sum = 0; n < p.size() && (n == 0 || (sum < options_.top_p && p[n] >= options_.min_p * p[0]));
       ++n)
    sum += p[n];
  kept.resize(n);
  p.resize(n);
  for (size_t i = 0; i < n; ++i) p[i] = scores[static_cast<size_t>(kept[i])] / options_.temperature;
  softmax(p);
  double u = random_.uniform();
  for (size_t i = 0; i < n; ++i)
    if ((u -= p[i]) < 0) return kept[i];
  return kept.back();
}

}  // namespace rouse
