#include "decoding/contrast.h"

#include <algorithm>
#include <cmath>

namespace rouse {

std::vector<int> plausible_tokens(std::span<const float> strong, float alpha) {
  const float floor = *std::max_element(strong.begin(), strong.end()) + std::log(alpha);
  std::vector<int> out;
  for (size_t token = 0; token < strong.size(); ++token)
    if (strong[token] >= floor) out.push_back(static_cast<int>(token));
  return out;
}

void contrast(std::span<const float> strong, std::span<const int> plausible, std::span<const float> weak,
              float beta, std::span<float> scores) {
  std::fill(scores.begin(), scores.end(), -INFINITY);
  for (size_t i = 0; i < plausible.size(); ++i) {
    const auto token = static_cast<size_t>(plausible[i]);
    scores[token] = (1 + beta) * strong[token] - beta * weak[i];
  }
}

}  // namespace rouse
