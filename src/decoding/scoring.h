/// decoding/scoring.h - the log-likelihood of given continuations under a method, teacher-forced.
///
/// All positions of many continuations run as rows of few batches; what texts have in common runs once. Each
/// token's score is what the method's distribution says of it (Method::score): log softmax of the logits, of
/// SCMoE's or contrastive decoding's z over the whole vocabulary, DoLa's log p_mature - log p_premature.
/// Masks (`--score-alpha`) are off unless asked for.
#pragma once

#include "decoding/generation.h"

namespace rouse {

struct ScoreRequest {
  std::vector<int> prefix;                      ///< at least one token
  std::vector<std::vector<int>> continuations;  ///< at least one token each
  int n_top = 0;                                ///< also so many of the likeliest in each token's place
};

/// What came of a request.
struct Scored {
  std::vector<std::vector<double>> log_probs = {};  ///< [continuation][token]: nats, finite
  /// [continuation][token]: (token, nats), the likeliest first; with n_top.
  std::vector<std::vector<std::vector<std::pair<int, double>>>> top = {};
  std::optional<Error> error = {};  ///< why there are none
};

class Scorer {
 public:
  /// score_alpha > 0 masks implausible tokens with -1000. Throws Error (exit 2) where the method's score is
  /// no distribution.
  Scorer(Engines engines, std::unique_ptr<Method> method, float score_alpha = 0);
  ~Scorer();
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  /// A request fails alone: when its prefix and one of its continuations do not fit the context together, or
  /// when a number on the way to its scores is not finite. All its continuations need not fit at once: they
  /// run in groups that do. Which rows share a batch depends on the requests and the context alone.
  std::vector<Scored> score(std::span<const ScoreRequest> requests);
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
  /// Adds the method's score of a token, given a row of each stream, and of the likeliest.
  void score(const Rows& rows, std::span<const size_t> row, int token, int n_top, Scored& out,
             size_t continuation);
  double sound(std::span<const Answer> answers, int token) const;
  /// Continuations of a request that run together.
  struct Part {
    const ScoreRequest* request;
    size_t first, n;
    Scored* out;
  };
  void check(const ScoreRequest& request) const;
  size_t cells(const Part& part) const;
  size_t n_free() const;
  size_t n_sequence() const;
  bool fits(const Part& part) const;
  void move_trunk(std::span<const Part> parts);
  void score_in_groups(Part whole);
  void score_together(std::span<const Part> parts);
  struct Pass;
  void score_first_tokens(Pass& pass, std::span<const Part> parts);
  void score_later_tokens(Pass& pass, std::span<const Part> parts);
  SeqId fork(Pass& pass, size_t stream, SeqId from, size_t n) const;

  Engines engines_;
  std::unique_ptr<Method> method_;
  float alpha_;
  std::vector<SeqId> trunk_;  ///< one a stream: what the requests at hand begin with
  std::vector<int> trunk_tokens_;
  Cost cost_;
};

}  // namespace rouse
