/// calibration/plan_controls.h - plans that are the natural controls of a measured one.
#pragma once

#include "gguf/file.h"
#include "routing/plan.h"

namespace rouse {

/// The model's own budgets, no bias. Throws Error (usage) for a dense model, as all that take a file do.
Plan uniform_plan(const GgufFile& file);
/// Random intensities and impacts: budgets and biases of the same kind, about nothing.
Plan random_plan(const GgufFile& file, uint64_t seed);
/// The same numbers at other places: layers' intensities and budgets among layers, impacts within each layer.
Plan shuffled_plan(const Plan& source, uint64_t seed);
/// How often hard tokens use an expert instead of what its absence costs them.
Plan frequency_plan(Plan source);
/// "4,2,2": a budget of every MoE layer. Throws Error (usage) naming what is no budget.
std::vector<int> counted_budget(const std::string& counts, const RouterSpec& router);
/// Budgets by hand, "4,2,2": one of every MoE layer. Throws Error (usage) naming what is no budget.
Plan counted_plan(const GgufFile& file, const std::string& counts);

}  // namespace rouse
