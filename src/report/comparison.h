/// report/comparison.h - one prompt under several methods and routings: what they say and what it cost. A
/// speed of one run says little, so ratios come with repeats, interleaved.
#pragma once

#include "base/json.h"
#include "session/session.h"

namespace rouse {

struct Comparison {
  std::vector<std::string> variants;  ///< as parse_variant takes them; ratios are to the first
  GenerateOptions generate;
  int n_repeat = 1;  ///< runs whose speeds make the medians, after a warm-up
};

/// Who watches; each may be empty.
struct ComparisonEvents {
  std::function<void(double)> progress = {};      ///< of the repeats
  std::function<void(const Json& row)> row = {};  ///< one variant is done
  const std::atomic<bool>* stop = nullptr;        ///< ends with the rows that are there
};

/// A row each: generation_json's fields, "variant", "unchosen_share" of two-stream methods, "strip":
/// [{"layer", "used"}], with "weak" of two-stream methods, and with repeats "step_ratio_to_greedy" and its
/// interval.
Json compare_variants(const Session& session, const std::vector<int>& prompt, const Comparison& o,
                      const ComparisonEvents& events = {});

}  // namespace rouse
