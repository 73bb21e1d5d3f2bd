#include "session/result.h"

#include "base/text.h"

namespace rouse {

Json cost_json(const Cost& c) {
  return {{"rows", c.rows},
          {"steps", c.steps},
          {"expert_evaluations", c.expert_evaluations},
          {"weight_bytes", c.weight_bytes},
          {"head_rows", c.head_rows}};
}

static double per_second(int64_t n, double seconds) {
  return seconds > 0 ? static_cast<double>(n) / seconds : 0;
}

Json timings_json(const Generation& g) {
  return {{"prefill_s", g.prefill().seconds},
          {"prefill_tok_s", per_second(g.prefill().tokens, g.prefill().seconds)},
          {"step_s", g.step().seconds},
          {"step_tok_s", per_second(g.step().tokens, g.step().seconds)}};
}

Json generation_json(const Generation& g, const MethodOptions& method, const RouterSpec& router) {
  Json cost{{"prefill", cost_json(g.prefill().cost)}, {"step", cost_json(g.step().cost)}};
  if (g.step().tokens > 0)
    cost["expert_evaluations_per_token"] =
        static_cast<double>(g.step().cost.expert_evaluations) / static_cast<double>(g.step().tokens);
  const RoutingPolicy& policy = g.method().streams()[0].policy;
  return {{"text", g.text()},
          {"tokens", g.tokens()},
          {"prompt_tokens", g.prompt()},
          {"stop", stop_reason_text(g.stop_reason())},
          {"timings", timings_json(g)},
          {"cost", cost},
          {"policy", policy.text()},
          {"policy_hash", hex64(policy.hash())},
          {"method", method_text(resolved(method, router))}};
}

}  // namespace rouse
