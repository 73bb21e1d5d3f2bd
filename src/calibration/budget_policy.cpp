#include "calibration/budget_policy.h"

#include "base/error.h"

namespace rouse {

std::string budget_text(const std::vector<int>& budget) {
  std::string out;
  for (const int k : budget) out += cat(out.empty() ? "" : ".", k);
  return out;
}

RoutingPolicy BudgetPolicies::make(const std::vector<int>& budget, const std::string& modifiers) {
  const std::string name = budget_text(budget);
  if (!plans_.contains(name)) {
    Plan plan = Plan::empty(router_, "", router_.layers.back() + 1);
    plan.budget = budget;
    plans_[name] = std::make_shared<const Plan>(std::move(plan));
  }
  return RoutingPolicy(cat("plan:", name, ",layers-only,any-quant", modifiers), router_, *this);
}

}  // namespace rouse
