#include "decoding/scheduler.h"

#include <algorithm>

#include "base/clock.h"

namespace rouse {

void Scheduler::retire() {
  std::erase_if(running_, [](Generation* g) {
    if (g->done()) g->close();
    return g->done();
  });
  std::erase_if(waiting_, [](const Generation* g) { return g->done(); });
}

bool Scheduler::fits(const Generation& next) const {
  for (int i = 0; i < static_cast<int>(kModels); ++i) {
    const Room room = next.room(i);
    if (room.streams == 0) continue;
    int cells = room.cells, sequences = room.streams + room.branches;
    for (const Generation* g : running_) {
      cells += g->remaining(i);
      sequences += g->room(i).streams + g->room(i).branches;
    }
    if (cells > engines_.of(i).n_free() || sequences > kMaxSequence) return false;
  }
  return true;
}

/// First come, first served: who does not fit holds up those behind, or large requests would starve.
void Scheduler::admit() {
  while (!waiting_.empty() && (running_.empty() || fits(*waiting_.front()))) {
    running_.push_back(waiting_.front());
    waiting_.pop_front();
  }
}

bool Scheduler::step() {
  retire();
  admit();
  if (running_.empty()) return false;
  Round round;
  auto budget = static_cast<size_t>(engines_.model->options().n_batch);
  const auto used = [&] { return round.work[0].n_row + round.work[1].n_row; };
  for (Generation* g : running_)
    if (!g->in_prompt()) g->collect(round, budget);
  constexpr size_t kLeastPrompt = 32;  // prompts go on even where steps alone fill a batch
  budget = std::max(budget, used() + kLeastPrompt);
  for (size_t i = 0; i < running_.size() && used() < budget; ++i) {
    Generation* g = running_[(turn_ + i) % running_.size()];
    if (g->in_prompt()) g->collect(round, budget - used());
  }
  ++turn_;
  const double begin = now_seconds();
  for (size_t i = 0; i < kModels; ++i) {
    Round::Work& work = round.work[i];
    if (work.batch.empty()) continue;
    Engine& engine = engines_.of(static_cast<int>(i));
    engine.taps.exits = work.exits;
    work.result = &engine.run(work.batch);
  }
  round.seconds = now_seconds() - begin;
  for (Generation* g : running_) g->take(round);
  return true;
}

void run_generations(Engines engines, std::span<Generation* const> generations,
                     const std::atomic<bool>* interrupted) {
  Scheduler scheduler(engines);
  for (Generation* g : generations) scheduler.submit(*g);
  do {
    if (interrupted && *interrupted)
      for (Generation* g : generations) g->cancel();
  } while (scheduler.step());
  for (const Generation* g : generations)
    if (g->error()) throw *g->error();
}

}  // namespace rouse
