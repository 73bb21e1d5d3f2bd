/// base/clock.h - the one monotonic clock.
#pragma once

#include <chrono>

namespace rouse {

/// Seconds since some fixed moment.
inline double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace rouse
