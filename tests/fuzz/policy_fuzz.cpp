/// Any text is either refused or a policy that routes rows within bounds and prints itself back.
#include <cstdlib>

#include "base/error.h"
#include "routing/route.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rouse::RouterSpec router;
  router.n_expert = 8;
  router.n_expert_used = 2;
  router.layers = {0, 1, 5};
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.rfind("replay:", 0) == 0) return 0;  // would open files
  try {
    const rouse::RoutingPolicy policy(text, router);
    if (rouse::RoutingPolicy(policy.text(), router).text() != policy.text()) std::abort();
    const std::vector<float> logits = {0.5f, -1, 2, 2, 0, 7, -3, 1};
    rouse::RouteScratch scratch;
    for (const int layer : router.layers) {
      std::vector<int> ids(static_cast<size_t>(policy.choice().max_count(layer)));
      std::vector<float> weights(ids.size());
      const int n = rouse::route_row(policy, layer, 3, logits, {}, ids, weights, scratch);
      if (n < 1 || n > static_cast<int>(ids.size())) std::abort();
      for (int i = 0; i < n; ++i)
        if (ids[static_cast<size_t>(i)] < 0 || ids[static_cast<size_t>(i)] >= 8) std::abort();
    }
  } catch (const rouse::Error&) {
  }
  return 0;
}
