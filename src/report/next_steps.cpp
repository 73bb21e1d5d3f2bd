#include "report/next_steps.h"

#include <algorithm>

#include "base/quoting.h"
#include "base/text.h"

namespace rouse {

static constexpr int kAnswer = 128, kContext = 4096, kCounterfactualRows = 128;

std::vector<NextStep> next_steps(const Json& d, const ModelSpec* spec, double bandwidth) {
  const std::string file = d["file"], model = cat(" -m ", shell_quoted(file));
  const auto weights = d["bytes"].get<uint64_t>();
  if (!spec)
    return {{cat("rouse run", model, " -p 'What is the capital of France?'"),
             "an answer, by libllama's engine", weights, static_cast<double>(weights) * kAnswer / bandwidth}};
  const auto touched = d["weight_bytes_per_token"].get<double>();
  const auto n_ctx = static_cast<uint64_t>(std::min(spec->n_ctx_train, kContext));
  const uint64_t kv = d["kv_bytes_per_token_f16"].get<uint64_t>() * n_ctx;
  std::vector<NextStep> out{{cat("rouse run", model, " -p 'What is the capital of France?'"),
                             cat("an answer of ", kAnswer, " tokens"), weights + kv,
                             touched * kAnswer / bandwidth}};
  const RouterSpec& r = spec->router;
  if (!r.moe()) return out;
  // Greedy, SCMoE's two streams, and fewer experts.
  out.push_back({cat("rouse compare", model,
                     " -p 'What is 17 * 24?' --with scmoe --with topk:", std::max(1, r.n_expert_used / 2)),
                 "one question under three routings", weights + 2 * kv, 4 * touched * kAnswer / bandwidth});
  // Rows enter at their block and read, in batches, every expert above it: half the weights on the average.
  const double n_row = static_cast<double>(r.n_expert) * static_cast<double>(r.layers.size());
  out.push_back({cat("rouse whatif", model, " -p 'The capital of France is' --continuation ' Paris' --rank"),
                 "which experts a fact needs", weights + kv,
                 (n_row / kCounterfactualRows + static_cast<double>(r.layers.size())) *
                     static_cast<double>(weights) / 2 / bandwidth});
  return out;
}

std::string time_text(double seconds) {
  const auto [value, unit] = seconds < 0.1    ? std::pair(1000 * seconds, "ms")
                             : seconds < 90   ? std::pair(seconds, "s")
                             : seconds < 5400 ? std::pair(seconds / 60, "min")
                                              : std::pair(seconds / 3600, "h");
  return formatted("%.*f %s", value < 10 ? 1 : 0, value, unit);
}

Json next_steps_json(const std::vector<NextStep>& steps) {
  Json out = Json::array();
  for (const NextStep& s : steps)
    out.push_back({{"command", s.command},
                   {"what", s.what},
                   {"memory_bytes", s.memory},
                   {"seconds_at_least", s.seconds}});
  return out;
}

}  // namespace rouse
