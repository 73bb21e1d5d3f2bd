#include "routing/later_seed.h"

#include <algorithm>

#include "base/error.h"
#include "base/quoting.h"
#include "base/text.h"
#include "routing/policy.h"

namespace rouse {

std::string with_later_seed(const std::string& policy, uint64_t n) {
  const size_t end = std::min(policy.size(), find_unquoted(policy, "+"));
  const std::string choice = policy.substr(0, end), name = choice.substr(0, choice.find(':'));
  const auto entries = choice_registry();
  const bool seeded = std::any_of(entries.begin(), entries.end(), [&](const ChoiceEntry& entry) {
    return name == entry.name && entry.seeded;
  });
  if (!seeded || n == 0) return policy;
  constexpr std::string_view kKey = "seed=";
  std::vector<std::string> parts = split_quoted(choice, ",");
  uint64_t seed = n;
  for (std::string& part : parts) {
    if (part.rfind(kKey, 0) != 0) continue;
    const auto own = parse_int(std::string_view(part).substr(kKey.size()));
    if (!own || *own < 0) return policy;
    seed += static_cast<uint64_t>(*own);
    part.clear();
  }
  std::erase(parts, "");
  const bool bare = choice.find(':') == std::string::npos;
  return cat(join(parts, ","), bare ? ":" : ",", kKey, seed & INT64_MAX, policy.substr(end));
}

}  // namespace rouse
