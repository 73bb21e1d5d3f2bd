/// routing/plan.h - what Counterfactual Routing (arXiv:2604.14246) measured of a model, and the budgets that
/// follow.
///
/// A plan is one human-readable JSON file without timestamps, so that an interrupted and resumed calibration
/// gives the same bytes. It is input too, hence untrusted: versioned, size-capped, checked number by number.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "routing/plan_evidence.h"
#include "routing/router_spec.h"

namespace rouse {

/// Numbers that were not measured are NaN here and null in the file. Arrays count MoE layers in order (L of
/// them).
struct Plan {
  /// Of the format. 1, which older releases wrote, has no error of R, no shrunk R and no evidence; such a
  /// plan is written again as it was.
  int version = 2;
  std::string fingerprint, arch;  ///< of the calibrated file
  int n_layer = 0, n_expert = 0, k = 0;
  nlohmann::ordered_json options = nlohmann::ordered_json::object();  ///< how it was measured or derived
  std::vector<int> layers;                                            ///< block numbers
  std::vector<double> intensity;  ///< R_l = S_hard / (S_easy + 1e-8): relative knowledge intensity
  std::vector<std::pair<double, double>> intensity_ci;
  std::vector<double> error;       ///< standard error of log R_l
  std::vector<double> shrunk;      ///< R_l drawn towards the layers' mean by that; NaN where it was not
  std::vector<double> hard, easy;  ///< S_l over hard and easy tokens
  std::vector<std::vector<double>> impact;  ///< CEI [L][E]: mean loss when the expert is ablated
  std::vector<std::vector<std::pair<double, double>>> impact_ci;
  std::vector<std::vector<int>> samples;  ///< [L][E]: hard tokens that used the expert
  std::vector<std::vector<double>> gate;  ///< [L][E]: mean gate over the hard tokens
  std::vector<int> budget;                ///< k_l [L]
  int n_scored = 0, n_hard = 0, n_easy = 0;
  std::optional<Evidence> evidence;  ///< for moving experts between layers; none: was not looked for

  /// What budgets are in proportion to: R, shrunk where it was.
  const std::vector<double>& shares() const;
  /// An unmeasured plan of a model: every number NaN, budgets uniform.
  static Plan empty(const RouterSpec& router, const std::string& arch, int n_layer);
};

/// Throws Error (exit 3) naming the file, the field, what was found and what was wanted.
Plan read_plan(const std::string& path);
/// The same from text; `name` opens error messages.
Plan parse_plan(const std::string& text, const std::string& name);
std::string plan_text(const Plan& plan);
/// Writes the file whole or not at all.
void save_plan(const Plan& plan, const std::string& path);

/// k_l in proportion to R_l with sum total, 1 <= k_l <= k_max, by largest remainder: q_l = total R_l / sum R,
/// rounded and clamped; then one by one to the largest q_l - k_l, or from the smallest; ties to the lower
/// layer. All R zero gives the uniform budget. Methods, section 2.4.
std::vector<int> plan_budget(const std::vector<double>& intensity, int total, int k_max);
/// Min-max of one layer's CEI to [0, 1]; what is undefined counts as the layer's minimum; a constant or
/// wholly undefined layer gives 0.
std::vector<float> normalised_impact(const std::vector<double>& impact);

}  // namespace rouse
