#include "decoding/contrast.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rouse {

static float floor_of(std::span<const float> strong, float alpha) {
  const float floor = *std::max_element(strong.begin(), strong.end()) + std::log(alpha);
  return std::max(floor, std::numeric_limits<float>::lowest());
}

bool plausible(std::span<const float> strong, int token, float alpha) {
  return strong[static_cast<size_t>(token)] >= floor_of(strong, alpha);
}

std::vector<int> plausible_tokens(std::span<const float> strong, float alpha) {
  const float floor = floor_of(strong, alpha);
  std::vector<int> out;
  for (size_t token = 0; token < strong.size(); ++token)
    if (strong[token] >= floor) out.push_back(static_cast<int>(token));
  return out;
}

std::vector<int> best_tokens(std::span<const float> scores, size_t n) {
  std::vector<int> order;
  for (size_t token = 0; token < scores.size(); ++token)
    if (scores[token] > -INFINITY) order.push_back(static_cast<int>(token));
  const auto better = [&](int a, int b) {
    const float x = scores[static_cast<size_t>(a)], y = scores[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  if (n >= order.size()) {
    std::sort(order.begin(), order.end(), better);
    return order;
  }
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(), better);
  order.resize(n);
  return order;
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
