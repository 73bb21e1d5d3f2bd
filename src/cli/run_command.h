/// cli/run_command.h - what the two forms of `rouse run` share.
#pragma once

#include "cli/command.h"
#include "session/request.h"

namespace rouse {

struct RunOptions {
  ModelOptions model;
  Request request;  ///< of a batch: what its lines leave out
  RequestRules rules{.paths = true};
  int n_parallel = 1;
  std::string vote = "number", batch, output;
  bool json = false, force = false;
};

/// Returns the exit code.
int run_batch(const RunOptions& options, const std::atomic<bool>& stop);

}  // namespace rouse
