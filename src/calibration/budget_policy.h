/// calibration/budget_policy.h - a k for every MoE layer as a routing policy, without a file: what evidence
/// compares and what an expert dropped from a row leaves.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "routing/policy.h"

namespace rouse {

class BudgetPolicies final : RoutingFiles {
 public:
  explicit BudgetPolicies(const RouterSpec& router) : router_(router) {}
  /// Block l runs the budget[l] experts with the highest score, by the model's rule over them. modifiers:
  /// "+mask:..." and "+force:...", or empty. Throws Error (exit 2 or 3) for a budget that the model cannot
  /// run.
  RoutingPolicy make(const std::vector<int>& budget, const std::string& modifiers = "");

 private:
  std::shared_ptr<const Plan> plan(const std::string& name) const override { return plans_.at(name); }
  std::shared_ptr<const Trace> trace(const std::string&) const override { return nullptr; }
  std::shared_ptr<const SteerFile> steer(const std::string&) const override { return nullptr; }

  RouterSpec router_;
  std::map<std::string, std::shared_ptr<const Plan>> plans_;  ///< shared by the policies of one budget
};

/// "2.1.3"
std::string budget_text(const std::vector<int>& budget);

}  // namespace rouse
