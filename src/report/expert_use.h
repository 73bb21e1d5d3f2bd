/// report/expert_use.h - which experts answers used, and what is worth setting side by side.
#pragma once

#include "decoding/generation.h"

namespace rouse {

/// The standard rule, SCMoE, and routings on either side of it; of a dense model the first alone.
std::vector<std::string> default_variants(const RouterSpec& router);
/// How often each expert ran in each block while generating: [n_moe_layer][n_expert], of one stream. The text
/// must have run with GenerateOptions::routing.
std::vector<std::vector<int>> expert_use(const Generation& g, int stream, const RouterSpec& router);
/// Share of the experts that the weak stream used and the strong one, at the same position and block, did
/// not; nothing where there is no weak stream.
std::optional<double> unchosen_share(const Generation& g);

}  // namespace rouse
