/// session/result.h - what came of a text, as every door gives it out: a value with one JSON form.
#pragma once

#include <optional>

#include "base/json.h"
#include "decoding/generation.h"

namespace rouse {

Json cost_json(const Cost& cost);
Json timings_json(const Generation& g);

/// A token and its natural logarithm of probability.
struct TokenLogProb {
  int token = 0;
  double log_prob = 0;
};

struct Result {
  std::string text;       ///< of a conversation: the answer
  std::string reasoning;  ///< what a conversation's text holds before the answer
  std::vector<int> tokens, prompt_tokens;
  StopReason stop = StopReason::none;
  Phase prefill, step;
  std::string policy, policy_hash, method;  ///< with defaults that depend on the model filled in

  // What was asked for, by tokens of the answer; left out of the JSON where it is not there.
  std::optional<int> n_reused;                 ///< prompt tokens whose rows were kept from another text
  std::vector<double> log_probs;               ///< [token], nats
  std::vector<std::vector<TokenLogProb>> top;  ///< [token]: the most probable, best first
  std::vector<std::vector<std::vector<int>>> experts;  ///< [token][MoE layer]: chosen, best first
};

Result result_of(const Generation& g, const MethodOptions& method, const RouterSpec& router);
/// {"text", "tokens", "prompt_tokens", "stop", "timings", "cost", "policy", "policy_hash", "method"} and,
/// where they are there, "reasoning", "reused_prompt_tokens", "log_probs", "top_log_probs", "experts".
Json result_json(const Result& result);
/// What `run --json` prints.
Json generation_json(const Generation& g, const MethodOptions& method, const RouterSpec& router);

}  // namespace rouse
