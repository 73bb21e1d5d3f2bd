/// report/divergence.h - other routings of a model against its own, over texts of a file (eval/divergence.h).
#pragma once

#include "base/json.h"
#include "eval/divergence.h"
#include "session/session.h"

namespace rouse {

struct DivergenceOptions {
  ModelOptions model;
  std::string text;                ///< JSON Lines with `text`, or `question` and `rationale`; or plain text
  std::string strong = "topk";     ///< what the others are compared with
  std::string amateur;             ///< also a smaller model; may be empty
  std::vector<std::string> weak;   ///< empty: rank:1 to rank:8 and random:1
  int n_text = 50, n_token = 256;  ///< texts at most, each cut to so many tokens
};

/// {"model", "fingerprint", "text", "texts", "tokens_a_text", "strong", "rows": [{"other", "kl",
/// "unchosen"}]}. Throws Error (interrupted) when stopped.
Json divergence_report(DivergenceOptions options, const std::function<void(double)>& progress = {},
                       const std::atomic<bool>* stop = nullptr);

}  // namespace rouse
