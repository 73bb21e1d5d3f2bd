#include "decoding/scheduler.h"

#include <algorithm>
#include <chrono>

namespace rouse {

void Scheduler::retire() {
  std::erase_if(running_, [](const Running& r) {
    if (r.generation->done()) r.generation->close();
    return r.generation->done();
  });
  std::erase_if(waiting_, [](const Generation* g) { return g->done(); });
}

bool Scheduler::fits(const std::array<Room, kModels>& room) const {
  for (size_t i = 0; i < kModels; ++i) {
    if (room[i].streams == 0) continue;
    int cells = room[i].cells, sequences = room[i].streams + room[i].branches;
    for (const Running& r : running_)
      cells += r.room[i].cells, sequences += r.room[i].streams + r.room[i].branches;
    if (cells > engines_.of(static_cast<int>(i)).n_cell() || sequences > kMaxSequence) return false;
  }
  return true;
}

/// First come, first served: who does not fit holds up those behind, or large requests would starve.
void Scheduler::admit() {
  while (!waiting_.empty()) {
    Generation* next = waiting_.front();
    std::array<Room, kModels> room;
    for (size_t i = 0; i < kModels; ++i) room[i] = next->room(static_cast<int>(i));
    if (!running_.empty() && !fits(room)) return;
    running_.push_back({next, room});
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
  for (const Running& r : running_)
    if (!r.generation->in_prompt()) r.generation->collect(round, budget);
  constexpr size_t kLeastPrompt = 32;  // prompts go on even where steps alone fill a batch
  budget = std::max(budget, used() + kLeastPrompt);
  for (size_t i = 0; i < running_.size() && used() < budget; ++i) {
    Generation* g = running_[(turn_ + i) % running_.size()].generation;
    if (g->in_prompt()) g->collect(round, budget - used());
  }
  ++turn_;
  const auto begin = std::chrono::steady_clock::now();
  for (size_t i = 0; i < kModels; ++i) {
    Round::Work& work = round.work[i];
    if (work.batch.empty()) continue;
    Engine& engine = engines_.of(static_cast<int>(i));
    engine.taps.exits = work.exits;
    work.result = &engine.run(work.batch);
  }
  round.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const Running& r : running_) r.generation->take(round);
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
}

}  // namespace rouse
