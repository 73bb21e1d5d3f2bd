/// cli/plan_command.h - the subcommands of `rouse plan`.
#pragma once

#include "cli/command.h"
#include "routing/plan.h"

namespace rouse {

struct PlanOptions {
  std::string first, second, output, counts, gguf;
  double lambda = 0.1;
  ModelOptions model;
  uint64_t seed = 1;
  int n_expert = 10;
  bool json = false, force = false;
};

/// Each returns the exit code.
int plan_show(const PlanOptions& o);
int plan_diff(const PlanOptions& o);
int plan_uniform(const PlanOptions& o);
int plan_random(const PlanOptions& o);
int plan_shuffle(const PlanOptions& o);
int plan_by_frequency(const PlanOptions& o);
int plan_from_counts(const PlanOptions& o);
int plan_export(const PlanOptions& o);

}  // namespace rouse
