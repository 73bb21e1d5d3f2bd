/// report/plan_profile.h - what a plan says of its model, and how far two plans agree.
#pragma once

#include "base/json.h"
#include "routing/plan.h"

namespace rouse {

struct ExpertRow {
  int layer, expert, samples;
  double impact, gate;
};
/// Experts of which something is known, the most causal first.
std::vector<ExpertRow> experts_by_impact(const Plan& plan);
/// Dormant: among the upper quarter by CEI and the lower half by gate.
std::vector<ExpertRow> dormant_experts(const std::vector<ExpertRow>& rows);

/// {"plan", "arch", ..., "layers": [{"block", "R", "R_ci", "k"}], "most_causal", "dormant"}: at most n_expert
/// of the last two.
Json plan_profile(const Plan& plan, const std::string& name, size_t n_expert);
/// Two plans of one shape: {"a", "b", "same_model", "R", "CEI", "budget_changes", "experts_moved"}, rank
/// correlations with 95% bootstrap intervals. Throws Error (bad_file) where the shapes differ.
Json plan_difference(const Plan& a, const std::string& a_name, const Plan& b, const std::string& b_name);

}  // namespace rouse
