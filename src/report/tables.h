/// report/tables.h - the scores of saved runs side by side, and what is significant.
#pragma once

#include "base/json.h"
#include "base/table.h"
#include "eval/saved_runs.h"

namespace rouse {

/// {"baseline", "tasks": {TASK: [{"method", "model", "groups", "cost", "unfinished", "against_baseline"}]},
/// "notes"}: the scores of runs, and each against the first on the same items with Holm's correction over all
/// of them; a cost is the sum over rows, of unfinished tasks over those that are there. The notes say where
/// runs are of several models.
Json report_of(const std::vector<EvalRun>& runs);

/// The tables of a report; width as table_text has it.
std::string report_text(const Json& report, bool markdown = false, size_t width = 0);

}  // namespace rouse
