/// report/trace_record.h - which experts every token used, and how sure the router was, as JSON Lines
/// (routing/trace.h).
#pragma once

#include <atomic>
#include <functional>
#include <iosfwd>

#include "session/session.h"

namespace rouse {

struct TraceRecord {
  std::vector<int> prompt;  ///< at least one token
  std::string routing = "topk";
  int n_predict = 0;  ///< greedy tokens that are traced behind it
};
/// Writes the header and a line each row; `flushed` is called after every step. Throws Error (usage) for a
/// dense model or an empty prompt, and where a number is not finite. False when stopped.
bool record_trace(const Session& session, const TraceRecord& o, std::ostream& out,
                  const std::function<void()>& flushed = {}, const std::atomic<bool>* stop = nullptr);

}  // namespace rouse
