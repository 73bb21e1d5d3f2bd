#include "calibration/units.h"

#include "base/error.h"

namespace rouse {

const Json* Units::unit(const std::string& name, const std::function<Json()>& work) {
  const Json* done = state_.find(name);
  if (!done) {
    if (interrupted_ && *interrupted_) return nullptr;
    try {
      state_.add(name, work());
    } catch (const Error& e) {
      throw e.within(cat("calibration unit ", name));
    }
    done = state_.find(name);
  }
  ++n_done_;
  if (progress_)
    progress_(
        std::min(1.0, static_cast<double>(n_done_) / static_cast<double>(std::max<size_t>(1, n_expected_))));
  return done;
}

JsonValue unit_value(const Json& result, const std::string& unit) {
  return {result, cat("the state's unit ", unit), ErrorKind::bad_file};
}

std::vector<double> unit_numbers(const Json& result, size_t n, const std::string& unit) {
  return unit_value(result, unit).reals(n, n, -kMostNats, kMostNats);
}

}  // namespace rouse
