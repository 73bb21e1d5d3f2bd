/// eval/results.h - results files, which are input like any other.
#pragma once

#include <string>

#include "eval/task.h"

namespace rouse {

/// The file as `rouse eval` wrote it: every field that reports read is there and of its kind, for every task
/// groups with scores, "all" among them, and the cost by token or why it is unknown. Throws Error (exit 2)
/// naming file and field, and for the results of an earlier rouse without a cost what to do.
EvalJson read_results(const std::string& path);

}  // namespace rouse
