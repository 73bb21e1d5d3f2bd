#include "decoding/generate_options.h"

#include "base/error.h"
#include "decoding/methods.h"

namespace rouse {

const char* stop_reason_text(StopReason reason) {
  static constexpr const char* kTexts[] = {"none",    "eos",     "length",    "stop",
                                           "context", "grammar", "cancelled", "failed"};
  return kTexts[static_cast<size_t>(reason)];
}

void check_options(const MethodOptions& method, const GenerateOptions& o) {
  const MethodEntry& entry = method_entry(method.name);
  const SamplingOptions& s = o.sampling;
  const bool penalties = s.repeat_penalty != 1 || s.presence_penalty != 0 || s.frequency_penalty != 0;
  require_usage(entry.samples || s.temperature == 0, "method ", method.name,
                " chooses by its own score, which is not a distribution: temp must stay 0");
  require_usage(entry.samples || !penalties, "method ", method.name,
                " chooses by its own score: penalties on tokens do not apply to it");
  require_usage(entry.samples || o.n_top < 0, "method ", method.name,
                " chooses by its own score, which is not a distribution: its tokens have no log-probability");
  require_usage(entry.grammar || o.grammar.empty(), "method ", method.name,
                " keeps several texts at once: a grammar follows one");
}

}  // namespace rouse
