#include "report/trace_record.h"

#include <ostream>

#include "base/error.h"
#include "decoding/sampler.h"
#include "routing/trace.h"

namespace rouse {

bool record_trace(const Session& session, const TraceRecord& o, std::ostream& out,
                  const std::function<void()>& flushed, const std::atomic<bool>* stop) {
  const ModelSpec& spec = session.engine->spec();
  require_usage(spec.router.moe(), "a dense model has no routing to trace");
  const RoutingPolicy policy(o.routing, spec.router);
  require_usage(!o.prompt.empty(), "the prompt is empty");
  write_trace_header(out, spec.arch, spec.router);

  const SeqId seq = session.engine->open(static_cast<int>(o.prompt.size()) + o.n_predict);
  const struct Closed {
    Engine& engine;
    SeqId seq;
    ~Closed() { engine.close(seq); }
  } closed{*session.engine, seq};
  std::vector<int> pending = o.prompt;
  Sampler sampler({});
  for (int n = 0; n <= o.n_predict && !(stop && *stop); ++n) {
    RowGroup group{&policy, {}};
    for (const int token : pending) group.rows.push_back({seq, token, Output::none});
    group.rows.back().output = Output::logits;
    const int64_t first = session.engine->length(seq);
    const StepResult& result = session.engine->run({.batch = {&group, 1}, .taps = {.routing = true}});
    for (size_t i = 0; i < pending.size(); ++i) {
      result.require_sound(i);
      TraceRow row{first + static_cast<int64_t>(i), pending[i], {}, {}};
      for (const RoutedRow& layer : result.routing[i]) {
        row.experts.push_back(layer.experts);
        row.gates.push_back(layer.gates);
      }
      write_trace_row(out, row);
    }
    if (flushed) flushed();
    const auto logits = result.logits(pending.size() - 1);
    std::vector<float> scores(logits.begin(), logits.end());
    pending = {sampler.pick(scores, {})};
    if (session.tokenizer->ends_generation(pending[0])) break;
  }
  return !(stop && *stop);
}

}  // namespace rouse
