/// cli/eval_command.h - what `rouse eval`, `rouse repro` and `rouse iti` share.
#pragma once

#include "cli/command.h"
#include "eval/evaluation.h"

namespace rouse {

void add_eval_options(CLI::App& app, EvalOptions& o);
/// A bar for what is under way, sentences on standard error, Ctrl-C.
EvalEvents eval_events();
/// Runs every task under every method, and says on standard error how it ended.
EvalOutcome run_evaluation(const EvalOptions& options);

}  // namespace rouse
