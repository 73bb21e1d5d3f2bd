/// routing/later_seed.h - the same chance once more: a policy whose seed is another.
#pragma once

#include <cstdint>
#include <string>

namespace rouse {

/// The policy with the seed of its choice moved on by n: "explore:6,seed=3+mask:1.2" by 2 is
/// "explore:6,seed=5+mask:1.2", "random:1" by 2 is "random:1,seed=2". A policy without a seed stays as it is.
/// The text need not be a good policy; then it stays a bad one.
std::string with_later_seed(const std::string& policy, uint64_t n);

}  // namespace rouse
