/// advice/published_gains.h - what the two papers report of a model's family, to be read beside what was
/// measured here.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "routing/router_spec.h"

namespace rouse {

struct PublishedGain {
  const char* arch;  ///< GGUF architecture
  int n_expert, k;   ///< of its router: with `arch` they tell the family
  const char* model;
  const char* method;
  const char* on;  ///< benchmark
  double before, after;
  const char* source;  ///< paper, and how the setting was chosen where that matters
};
/// All that is known.
std::span<const PublishedGain> published_gains();
/// Those of a model with this router.
std::vector<PublishedGain> published_gains_of(const std::string& arch, const RouterSpec& router);

}  // namespace rouse
