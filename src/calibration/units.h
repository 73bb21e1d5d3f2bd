/// calibration/units.h - the work of a calibration unit by unit: each found in the state file, or done and
/// added to it, so that an interrupted run goes on and gives the same bytes.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "calibration/state.h"

namespace rouse {

class Units {
 public:
  /// progress: share done of those expected. interrupted may be null.
  Units(WorkState state, std::function<void(double)> progress, const std::atomic<bool>* interrupted)
      : state_(std::move(state)), progress_(std::move(progress)), interrupted_(interrupted) {}
  void expect(size_t n) { n_expected_ += n; }
  /// The unit's result, from the state or by doing it; null when interrupted. An Error of `work` names it.
  const Json* unit(const std::string& name, const std::function<Json()>& work);
  void remove_state() { state_.remove(); }

 private:
  WorkState state_;
  std::function<void(double)> progress_;
  const std::atomic<bool>* interrupted_;
  size_t n_expected_ = 0, n_done_ = 0;
};

/// What a state file holds, which is input too: errors name the unit.
JsonValue unit_value(const Json& result, const std::string& unit);
/// n changes of nats.
std::vector<double> unit_numbers(const Json& result, size_t n, const std::string& unit);
constexpr double kMostNats = 1e30;  ///< of a change, whatever a state file says

}  // namespace rouse
