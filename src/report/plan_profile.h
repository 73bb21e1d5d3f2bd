/// report/plan_profile.h - what a plan says of its model, and how far two plans agree.
#pragma once

#include "base/json.h"
#include "routing/plan.h"

namespace rouse {

struct ExpertRow {
  int layer, expert, samples;
  double impact, gate, low;  ///< low: the lower end of the impact's interval
};
/// Means of fewer tokens are not ranked: resampling a handful does not show how far off it is.
inline constexpr int kLeastRanked = 10;
/// Experts with enough tokens, the one whose impact is surely high first.
std::vector<ExpertRow> experts_by_impact(const Plan& plan);
/// Dormant: among the upper quarter by CEI and the lower half by gate.
std::vector<ExpertRow> dormant_experts(const std::vector<ExpertRow>& rows);

/// {"plan", "arch", ..., "layers": [{"block", "R", "R_ci", "R_shrunk", "k"}], "most_causal", "dormant",
/// "evidence"}: at most n_expert of the causal and the dormant; evidence null where there is none.
Json plan_profile(const Plan& plan, const std::string& name, size_t n_expert);
/// The evidence for moving experts, as tables: the verdict, one expert less and one more in each block, the
/// surest moves (at most n_move) and what was tried on documents held out. Throws Error (bad_file) saying why
/// where the plan has none; `name` opens the message.
std::string evidence_text(const Plan& plan, const std::string& name, size_t n_move);
/// Throws so where the plan has none.
const Evidence& evidence_of(const Plan& plan, const std::string& name);

/// What to be told of a plan that was made of few hard tokens; "" where there are enough.
std::string plan_warning(const Plan& plan);

/// Two plans of one shape: {"a", "b", "same_model", "R", "CEI", "budget_changes", "experts_moved"}, rank
/// correlations with 95% bootstrap intervals. Throws Error (bad_file) where the shapes differ.
Json plan_difference(const Plan& a, const std::string& a_name, const Plan& b, const std::string& b_name);

}  // namespace rouse
