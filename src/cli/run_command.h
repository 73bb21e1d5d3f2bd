/// cli/run_command.h - what the two forms of `rouse run` share.
#pragma once

#include "cli/command.h"

namespace rouse {

struct RunOptions {
  ModelOptions model;
  PromptOptions prompt;
  MethodOptions method;
  GenerateOptions generate;
  int n_sample = 1, n_parallel = 1;
  std::string vote = "number", batch, output;
  bool json = false, force = false;
};

/// Returns the exit code.
int run_batch(const RunOptions& options);

}  // namespace rouse
