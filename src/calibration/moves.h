/// calibration/moves.h - the measuring behind certify.h: runs the documents with one expert less and one more
/// in each layer, then what the evidence supports on the documents held out.
///
/// Every row of the text is routed so in that layer, so a run is a partial pass over kept rows from there on.
/// Half of the documents carry the 2 L runs: no more work than R takes on all of them.
#pragma once

#include <optional>

#include "calibration/certify.h"
#include "calibration/probe.h"
#include "calibration/strata.h"
#include "calibration/units.h"

namespace rouse {

/// A calibration whose losses and strata are known.
struct MovesInput {
  Engine& engine;
  Probe& probe;
  Units& units;
  const std::vector<Document>& documents;
  const std::vector<std::vector<double>>& losses;  ///< [document][scored position], with the budgets `base`
  const Strata& strata;
  std::vector<int> layers;  ///< block numbers among which experts may move
  std::vector<int> base;    ///< k of every MoE layer of the model
  uint64_t seed = 1;
};

class Moves {
 public:
  explicit Moves(const MovesInput& input);
  /// Everything but `proposed`; nothing when interrupted.
  std::optional<Evidence> run();
  /// The budgets with what was supported, once run.
  const std::vector<int>& budget() const { return budget_; }

 private:
  bool measure();
  bool measure_document(size_t place);
  bool try_moves();
  std::optional<MeanChange> on_held_out(const std::vector<int>& budget);
  std::vector<int> changed(size_t l, int by) const;
  bool possible(int layer, int by) const;

  MovesInput in_;
  const RouterSpec& router_;
  BudgetPolicies policies_;
  std::vector<size_t> held_out_, used_;  ///< documents
  std::vector<int> budget_;
  Effects effects_;  ///< of all MoE layers; empty where nothing is measured
  Evidence evidence_;
};

}  // namespace rouse
