#include "session/result.h"

#include "base/text.h"

namespace rouse {

Json cost_json(const Cost& c) {
  Json out{{"rows", c.rows},
           {"steps", c.steps},
           {"expert_evaluations", c.expert_evaluations},
           {"weight_bytes", c.weight_bytes},
           {"head_rows", c.head_rows}};
  if (c.idle_evaluations > 0) out["idle_evaluations"] = c.idle_evaluations;
  return out;
}

static double per_second(int64_t n, double seconds) {
  return seconds > 0 ? static_cast<double>(n) / seconds : 0;
}

static Json timings_of(const Phase& prefill, const Phase& step) {
  return {{"prefill_s", prefill.seconds},
          {"prefill_tok_s", per_second(prefill.tokens, prefill.seconds)},
          {"step_s", step.seconds},
          {"step_tok_s", per_second(step.tokens, step.seconds)}};
}

Json timings_json(const Generation& g) {
  return timings_of(g.prefill(), g.step());
}

Result result_of(const Generation& g, const MethodOptions& method, const RouterSpec& router) {
  const RoutingPolicy& policy = g.method().streams()[0].policy;
  Result out;
  out.text = g.answer_text();
  out.reasoning = g.reasoning();
  out.tokens = g.tokens();
  out.prompt_tokens = g.prompt();
  out.stop = g.stop_reason();
  out.prefill = g.prefill();
  out.step = g.step();
  out.policy = policy.text();
  out.policy_hash = hex64(policy.hash());
  out.method = method_text(resolved(method, router));
  if (g.reused() > 0) out.n_reused = g.reused();
  for (const TokenScore& score : g.scores()) {
    out.log_probs.push_back(score.method);
    auto& top = out.top.emplace_back();
    for (const auto& [token, log_prob] : score.top) top.push_back({token, log_prob});
  }
  // The row at the end of the prompt chose the first token.
  const auto first = static_cast<int64_t>(g.prompt().size()) - 1;
  for (const RoutedPosition& row : g.routed()) {
    if (row.stream != 0 || row.position < first) continue;
    auto& layers = out.experts.emplace_back();
    for (const RoutedRow& layer : row.layers) layers.push_back(layer.experts);
  }
  return out;
}

Json result_json(const Result& r) {
  Json cost{{"prefill", cost_json(r.prefill.cost)}, {"step", cost_json(r.step.cost)}};
  if (r.step.tokens > 0)
    cost["expert_evaluations_per_token"] =
        static_cast<double>(r.step.cost.expert_evaluations) / static_cast<double>(r.step.tokens);
  Json out{{"text", r.text},
           {"tokens", r.tokens},
           {"prompt_tokens", r.prompt_tokens},
           {"stop", stop_reason_text(r.stop)},
           {"timings", timings_of(r.prefill, r.step)},
           {"cost", std::move(cost)},
           {"policy", r.policy},
           {"policy_hash", r.policy_hash},
           {"method", r.method}};
  if (!r.reasoning.empty()) out["reasoning"] = r.reasoning;
  if (r.n_reused) out["reused_prompt_tokens"] = *r.n_reused;
  if (!r.log_probs.empty()) out["log_probs"] = r.log_probs;
  for (const auto& best : r.top) {
    Json row = Json::array();
    for (const TokenLogProb& t : best) row.push_back({{"token", t.token}, {"log_prob", t.log_prob}});
    out["top_log_probs"].push_back(std::move(row));
  }
  if (!r.experts.empty()) out["experts"] = r.experts;
  return out;
}

Json generation_json(const Generation& g, const MethodOptions& method, const RouterSpec& router) {
  return result_json(result_of(g, method, router));
}

}  // namespace rouse
