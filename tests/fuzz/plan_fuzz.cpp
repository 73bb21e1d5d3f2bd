/// A plan is input: whatever the bytes are, it is read or refused, and what was read is written back the
/// same.
#include <cstdlib>

#include "base/error.h"
#include "routing/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const rouse::Plan plan = rouse::parse_plan({reinterpret_cast<const char*>(data), size}, "fuzz");
    for (const double r : plan.intensity)
      if (r != r) return 0;
    const int total = plan.k * static_cast<int>(plan.layers.size());
    int sum = 0;
    for (const int k : rouse::plan_budget(plan.intensity, total, plan.n_expert)) sum += k;
    for (const auto& row : plan.impact)
      for (const float x : rouse::normalised_impact(row))
        if (!(x >= 0 && x <= 1)) abort();
    if (sum != total ||
        rouse::plan_text(rouse::parse_plan(rouse::plan_text(plan), "again")) != rouse::plan_text(plan))
      abort();
  } catch (const rouse::Error&) {
  }
  return 0;
}
