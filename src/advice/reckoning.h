/// advice/reckoning.h - what a trial can run within a budget of time, and what each part will take, before
/// any of it runs.
///
/// Time is reckoned in rows: one token through all blocks. Work that begins at a block counts half a row on
/// the average; an engine that cannot begin there runs its text again instead (calibration/full_passes.h).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "calibration/corpus.h"
#include "routing/router_spec.h"

namespace rouse {

struct ReckoningInput {
  std::span<const Document> learn, judge;  ///< what a plan is made of; what verdicts are made on
  const RouterSpec& router;
  bool entry = true;        ///< the engine can begin at a block
  double row_seconds = 0;   ///< measured: one token of a text
  double step_seconds = 0;  ///< measured: one token of an answer
  double budget_seconds = 0;
  bool with_tasks = false;
  double judge_passes = 0, learn_passes = 0;  ///< of all routings that are tried, in passes of one stream
};

/// One part of the trial. n_document 0 (or n_repeat): left out, and `why` says for want of what.
struct Part {
  std::string name, what, why;
  double seconds = 0;
};

struct Reckoning {
  int n_judge = 0, n_plan = 0, n_headroom = 0;  ///< documents
  int n_candidate = 0;                          ///< swaps of a hard token and block; 0: all
  int n_repeat = 0;                             ///< of the speeds
  double task_seconds = 0;                      ///< what is left for tasks
  std::vector<Part> parts;                      ///< the most needed first
};

constexpr int kSpeedTokens = 32;       ///< of each repeat
constexpr size_t kLeastDocuments = 8;  ///< with fewer nothing would be beyond chance

/// Shares of the budget go to the parts; what one cannot use is the next one's, the rest the tasks'.
Reckoning reckon(const ReckoningInput& input);

Json reckoning_json(const Reckoning& r);
/// Throws Error naming the field.
Reckoning read_reckoning(const JsonValue& value);

}  // namespace rouse
