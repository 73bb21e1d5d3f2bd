/// report/next_steps.h - what to try next on a model file, and what it will take.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "model/model_spec.h"

namespace rouse {

struct NextStep {
  std::string command;  ///< as one types it
  std::string what;     ///< that it shows
  uint64_t memory = 0;  ///< bytes: weights and KV cells
  double seconds = 0;   ///< at least: bytes that it reads, over the machine's bandwidth
};

/// description: what model/describe.h says of the file; spec: null where rouse's own engine does not run it,
/// so that only the file's size is known. bandwidth: bytes a second that all threads read from memory.
std::vector<NextStep> next_steps(const Json& description, const ModelSpec* spec, double bandwidth);

/// "2.1 ms", "0.4 s", "12 min", "3.1 h".
std::string time_text(double seconds);
/// "[{command, what, memory_bytes, seconds_at_least}, ...]"
Json next_steps_json(const std::vector<NextStep>& steps);

}  // namespace rouse
