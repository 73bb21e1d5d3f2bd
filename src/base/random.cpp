#include "base/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rouse {

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * M_PI * uniform());
}

std::vector<size_t> draw_subset(size_t size, size_t n, Random random) {
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  n = std::min(n, size);
  for (size_t i = 0; i < n; ++i)
    std::swap(order[i], order[i + random.below(static_cast<uint32_t>(size - i))]);
  order.resize(n);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace rouse
