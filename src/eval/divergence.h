/// eval/divergence.h - how far other routings' next-token distributions are from the strong one's, by kind of
/// token: the analysis behind SCMoE's choice of a weak routing (arXiv:2405.14507, section 4).
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "decoding/generation.h"

namespace rouse {

/// Kinds of tokens; a token is of a kind when its text touches such a stretch.
enum TokenKind { kAllTokens, kMathTokens, kStopWords, kTokenKinds };
/// "all", "math", "stop_words".
const char* token_kind_name(TokenKind kind);

/// Which kinds each piece of a text is of: math is a number, an operator and another operand ("3 * 4 = 12"),
/// stop words are English function words.
std::vector<std::array<bool, kTokenKinds>> token_kinds(const std::vector<std::string>& pieces);

struct DivergenceRow {
  struct Score {
    double mean = 0;  ///< KL(strong || other), nats a token; NaN when there is no such token
    Interval interval;
    int64_t n = 0;
  };
  std::string other;
  std::array<Score, kTokenKinds> kl;
  /// Of the experts that it chose, the share that the strong routing did not choose for the same token and
  /// layer; NaN where it is another model.
  double unchosen = 0;
};

/// Teacher-forced over texts, each cut to `n_token`. With an amateur engine its row comes last. Intervals are
/// 95%, by bootstrap over texts. Stops early when interrupted. Throws Error naming the text in which a number
/// is not finite.
std::vector<DivergenceRow> divergence(Engines engines, const Tokenizer& tokenizer,
                                      const RoutingPolicy& strong, std::span<const RoutingPolicy> others,
                                      const RoutingPolicy* amateur, const std::vector<std::string>& texts,
                                      int n_token, const std::function<void(double)>& progress,
                                      const std::atomic<bool>* interrupted);

}  // namespace rouse
