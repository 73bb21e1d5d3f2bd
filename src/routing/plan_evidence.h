/// routing/plan_evidence.h - what a plan knows of moving experts between layers: what one expert less and one
/// more in a layer change, the moves that were tried, and what they did on documents held out.
///
/// Measured by calibration/certify.h; data alone here, part of a plan of version 2 (routing/plan.h).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace rouse {

class JsonValue;

/// A mean change of NLL in nats with its 95% interval; NaN where it was not measured.
struct MeanChange {
  double mean, low, high;
};

struct Evidence {
  /// What another k in one layer changes, over all tokens and over hard ones.
  struct Change {
    MeanChange all, hard;
  };
  /// One expert from layer `from` to layer `to`, over the hard tokens.
  struct Move {
    int from, to;    ///< block numbers
    double net;      ///< what `to` gains less what `from` pays, nats
    double error;    ///< standard error of that, by bootstrap over documents
    double lower;    ///< lower bound of that at its place in Holm's order
    double p;        ///< one-sided, corrected by Holm over all moves tried
    bool supported;  ///< lower > 0
  };
  /// The budgets with moves made, over all tokens of the documents held out.
  struct Trial {
    std::vector<int> budget;  ///< k_l [L]
    MeanChange change;
    bool kept;  ///< the change is small enough
  };
  std::vector<int> base;      ///< k_l [L] from which experts move
  std::vector<int> proposed;  ///< k_l [L] in proportion to R, for comparison; empty where R is not measured
  int n_document = 0, n_held_out = 0;  ///< documents that the evidence comes from, and those held out
  int n_token = 0, n_hard = 0;         ///< tokens of the former
  std::vector<Change> less, more;      ///< [L]: one expert less, one more; NaN where that cannot be
  int n_move = 0;                      ///< moves tried
  std::vector<Move> moves;             ///< the best of them
  std::vector<Trial> trials;
  std::string verdict;  ///< in words
};

nlohmann::ordered_json evidence_json(const Evidence& evidence);
/// Of a plan with these block numbers. Throws Error naming the field, what was found and what was wanted.
Evidence read_evidence(const JsonValue& value, const std::vector<int>& layers, int n_expert);

}  // namespace rouse
