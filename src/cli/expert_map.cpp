#include "cli/expert_map.h"

#include <algorithm>

namespace rouse {

const char* const kExpertMapLegend =
    "a line a block, a mark an expert: . slept, ░ ▒ ▓ █ ran, darker the oftener";

std::string expert_map(const std::vector<int>& use) {
  static const char* kShades[] = {".", "░", "▒", "▓", "█"};
  const int most = std::max(1, *std::max_element(use.begin(), use.end()));
  std::string out;
  for (const int n : use) out += kShades[n == 0 ? 0 : 1 + std::min(3, 4 * n / (most + 1))];
  return out;
}

}  // namespace rouse
