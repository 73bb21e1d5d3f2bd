/// cli/expert_map.h - which experts of a block ran, as a line of characters.
#pragma once

#include <string>
#include <vector>

namespace rouse {

/// One character an expert: "." never ran, darker the oftener it did.
std::string expert_map(const std::vector<int>& use);
/// What those mean.
extern const char* const kExpertMapLegend;

}  // namespace rouse
