/// decoding/scheduler.h - many texts at once: who runs, who waits, and one batch a round for all of them.
#pragma once

#include <atomic>
#include <deque>

#include "decoding/generation.h"

namespace rouse {

/// The rows of one generation in a round: a stretch of each model's batch.
struct RoundPart {
  Generation* generation;
  std::array<size_t, kModels> first_row{}, first_group{}, n_group{};
};

/// Generations queue in the order they were submitted and begin as soon as the KV cells they may need are not
/// promised to others. Every round runs a step of each that has begun; prompts fill the rest of the batch in
/// turn, so that a long one does not hold up the others. A round that fails (for want of memory, say) is run
/// again text by text: only those that fail alone end with the error.
class Scheduler {
 public:
  explicit Scheduler(Engines engines) : engines_(engines) {}
  /// It must live until it is done or the scheduler goes.
  void submit(Generation& generation) { waiting_.push_back(&generation); }
  /// One round. False when nobody is left.
  bool step();
  /// Lets go of those that are done; their room is free then.
  void retire();
  size_t n_running() const { return running_.size(); }
  size_t n_waiting() const { return waiting_.size(); }

 private:
  void admit();
  bool fits(const Generation& next) const;
  void collect(Generation& generation, size_t n_row);
  void run(size_t model, std::span<const RowGroup> batch, Round::Work& work);
  void run_round();
  void run_apart(size_t failed);
  void run_heads();

  Engines engines_;
  std::deque<Generation*> waiting_;
  std::vector<Generation*> running_;
  Round round_;
  std::vector<RoundPart> parts_;  ///< of the round
  size_t turn_ = 0;               ///< whose prompt comes first
};

/// Runs generations side by side until every one is done or `interrupted`. Throws the Error of the first that
/// failed, once the others are done.
void run_generations(Engines engines, std::span<Generation* const> generations,
                     const std::atomic<bool>* interrupted = nullptr);

}  // namespace rouse
