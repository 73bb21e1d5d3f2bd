/// cli/repro_command.h - what a reproduction is made of: steps, each a call that one of rouse's commands
/// makes.
#pragma once

#include <filesystem>

#include "cli/steps.h"

namespace rouse {

using Words = std::vector<std::string>;

struct ReproOptions {
  EvalOptions eval;
  std::string plan, text, amateur;
  bool json = false;
  int n_sample = 8;
  int n_calibration = 0;  ///< 0: of the limit
};

/// What the steps of a paper are made for.
struct Setting {
  const ReproOptions& o;
  Words model;  ///< flags that every command of the model takes
  Words tasks;
  int k, n;         ///< experts a token; the most that a sweep tries
  int n_block = 1;  ///< MoE blocks
  std::string at(const std::string& file) const {
    return (std::filesystem::path(o.eval.output) / file).string();
  }
};

/// What a step asks of a model, at most: texts may end early.
struct Work {
  double rows = 0;   ///< of prompts and given texts
  double steps = 0;  ///< tokens that are generated
};

/// Who reads the tables can do a step alone by its command.
struct ReproStep {
  std::string name, title;
  Words command;  ///< of the command line that does the same
  std::string
      product;  ///< a step whose product is there is not run again; evaluations see to that themselves
  std::function<EvalOutcome(const std::atomic<bool>& stop)> run;  ///< leaves the product; throws Error
  std::function<Work()> work = {};                                ///< null: no model runs
};

struct Paper {
  const char* name;
  const char* help;
  Words tasks;      ///< those of the paper
  Words lab_tasks;  ///< of a model that comes with rouse
  std::vector<ReproStep> (*steps)(const Setting& s);
  int n_shot = -1;  ///< of every task, where the paper says so
};
std::span<const Paper> papers();

/// The words, then more of them.
Words with(Words words, const Words& more);

}  // namespace rouse
