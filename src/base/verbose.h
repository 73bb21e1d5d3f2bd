/// base/verbose.h - what -v tells of the work as it is done, on standard error.
#pragma once

#include <atomic>
#include <cstdio>
#include <string>

namespace rouse {

/// Whether somebody wants to know. Set once, before the work begins.
inline std::atomic<bool> verbose = false;

/// `text` is a function, so that nobody puts a sentence together that is not wanted.
template <class Text>
void tell(Text text) {
  if (verbose.load(std::memory_order_relaxed)) std::fprintf(stderr, "%s\n", std::string(text()).c_str());
}

}  // namespace rouse
