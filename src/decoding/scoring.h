/// decoding/scoring.h - the log-likelihood of given continuations under a method, teacher-forced.
///
/// All positions of many continuations run as rows of few batches; what texts have in common runs once. Each
/// token's score is what the method's distribution says of it (Method::score): log softmax of the logits, of
/// SCMoE's or contrastive decoding's z over the whole vocabulary, DoLa's log p_mature - log p_premature.
/// Masks (`--score-alpha`) are off unless asked for.
#pragma once

#include "decoding/generation.h"

namespace rouse {

/// [request][continuation][token]: nats.
using LogProbs = std::vector<std::vector<std::vector<double>>>;

struct ScoreRequest {
  std::vector<int> prefix;  ///< at least one token
  std::vector<std::vector<int>> continuations;
};

class Scorer {
 public:
  /// score_alpha > 0 masks implausible tokens with -1000. Throws Error (exit 2) where the method's score is
  /// no distribution.
  Scorer(Engines engines, std::unique_ptr<Method> method, float score_alpha = 0);
  ~Scorer();
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  /// Throws Error when a text does not fit the context.
  LogProbs score(std::span<const ScoreRequest> requests);
  /// Drops the common beginning that is kept from call to call.
  void forget();
  const Cost& cost() const { return cost_; }
  const Method& method() const { return *method_; }

 private:
  /// Rows of all streams being put together, and what came of them.
  struct Rows {
    std::array<Batch, kModels> batch;
    std::array<size_t, kModels> n_row{};
    std::array<const StepResult*, kModels> results{};
  };
  const Stream& stream(size_t s) const { return method_->streams()[s]; }
  Engine& engine(size_t s) const { return engines_.of(stream(s).model); }
  /// The index of the first row.
  size_t add(Rows& rows, size_t stream, SeqId seq, std::span<const int> tokens, Output each,
             Output last) const;
  void run(Rows& rows, const std::vector<int>& exits = {});
  /// The method's score of a token, given a row of each stream.
  double score(const Rows& rows, std::span<const size_t> row, int token) const;
  size_t cells(const ScoreRequest& request) const;
  void move_trunk(std::span<const ScoreRequest> requests);
  void score_some(std::span<const ScoreRequest> requests, std::span<std::vector<std::vector<double>>> out);

  Engines engines_;
  std::unique_ptr<Method> method_;
  float alpha_;
  std::vector<SeqId> trunk_;  ///< one a stream: what the requests at hand begin with
  std::vector<int> trunk_tokens_;
  Cost cost_;
};

}  // namespace rouse
