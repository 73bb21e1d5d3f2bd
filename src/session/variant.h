/// session/variant.h - a method or a routing in one line: as `--with` and `--methods` take it, and as results
/// name it.
#pragma once

#include <string>

#include "decoding/method.h"

namespace rouse {

/// "scmoe weak=rank:3 beta=0.8", "topk:4", "greedy routing='plan:my file.json'": a method or a policy, then
/// its options, quoted where they must be (base/quoting.h). Throws Error (exit 2).
MethodOptions parse_variant(const std::string& text);
/// What tells a method from others: "scmoe(weak=rank:2) plan:x.cor.json", "topk:4", and "greedy" under the
/// model's own rule. `policy` is its routing, files by their name alone.
std::string variant_label(const MethodOptions& method, const RoutingPolicy& policy);
/// The same from their texts, as results hold them.
std::string variant_label(const std::string& method_text, const std::string& policy_text);

}  // namespace rouse
