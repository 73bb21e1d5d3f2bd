/// eval/summary.h - from the rows of a task to its scores: means with errors and intervals, comparisons on
/// the same items.
#pragma once

#include "eval/task.h"

namespace rouse {

/// {"acc": {"value", "stderr", "interval", "n"}, ...}: every metric of the rows, a perplexity in place of nll
/// and tokens. Intervals are 95%, by 2,000 bootstrap resamples of the items.
EvalJson summarise(const std::vector<EvalJson>& rows);
/// The same for every group, and for all rows under "all".
EvalJson summarise_groups(const std::vector<EvalJson>& rows);

/// Rows of two runs that are of one item, by its id, in the order of a. They point into a and b.
std::vector<std::pair<const EvalJson*, const EvalJson*>> paired_rows(const std::vector<EvalJson>& a,
                                                                     const std::vector<EvalJson>& b);
/// Rows of two runs over the same items: for each metric that both have, {"difference", "interval", "n"}, b
/// minus a with a paired bootstrap interval, and for 0-or-1 metrics McNemar's exact p with "only_a" and
/// "only_b".
EvalJson compare_rows(const std::vector<EvalJson>& a, const std::vector<EvalJson>& b);

/// Two-sided exact p of McNemar's test: n01 and n10 disagreements.
double mcnemar(int64_t n01, int64_t n10);

}  // namespace rouse
