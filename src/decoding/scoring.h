/// decoding/scoring.h - the log-likelihood of given continuations under a method, teacher-forced.
///
/// All positions of many continuations run as rows of few batches; what texts have in common runs once. Each
/// token's score is what the method's distribution says of it (Method::score): log softmax of the logits, of
/// SCMoE's or contrastive decoding's z over the whole vocabulary, DoLa's log p_mature - log p_premature.
/// Masks
/// (`--score-alpha`) are off unless asked for. Methods, section 4.
#pragma once

#include "decoding/generation.h"

namespace rouse {

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

  /// [request][continuation][token]: nats. Throws Error when a text does not fit the context.
  std::vector<std::vector<std::vector<double>>> score(std::span<const ScoreRequest> requests);
  /// Drops the common beginning that is kept from call to call.
  void forget();
  const Cost& cost() const { return cost_; }
  const Method& method() const { return *method_; }

 private:
  struct Leaf;  ///< a continuation on its way through the batch
  void move_trunk(std::span<const ScoreRequest> requests);
  void run(std::span<const ScoreRequest> requests, std::vector<std::vector<std::vector<double>>>& out);
  size_t cells(const ScoreRequest& request) const;
  Engine& engine(size_t stream) const { return engines_.of(method_->streams()[stream].model); }

  Engines engines_;
  std::unique_ptr<Method> method_;
  float alpha_;
  std::vector<SeqId> trunk_;  ///< one a stream: what the requests at hand begin with
  std::vector<int> trunk_tokens_;
  Cost cost_;
};

}  // namespace rouse
