/// decoding/sampler.h - from the next token's scores to the token: shared by every method.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace rouse {

/// Applied in this order: penalties, top-k, top-p, min-p, temperature, choice. Temperature 0 is greedy.
struct SamplingOptions {
  float temperature = 0.0f;
  int top_k = 0;                ///< keep the k best; 0: all
  float top_p = 1.0f;           ///< keep the shortest prefix with this much probability
  float min_p = 0.0f;           ///< keep tokens of at least this share of the best one's probability
  float repeat_penalty = 1.0f;  ///< divides positive scores of recent tokens, multiplies negative ones
  float presence_penalty = 0.0f, frequency_penalty = 0.0f;  ///< subtracted once, and once an occurrence
  int repeat_last_n = 64;                                   ///< how many recent tokens count; -1: all
  uint64_t seed = 0;
  /// Throws Error (exit 2) naming the option.
  void check() const;
};

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);
  /// scores [n_vocab], -inf for tokens that must not be chosen; changed in place. history: prompt and text so
  /// far.
  int pick(std::span<float> scores, std::span<const int> history);

 private:
  void penalize(std::span<float> scores, std::span<const int> history) const;
  SamplingOptions options_;
  Random random_;
};

}  // namespace rouse
