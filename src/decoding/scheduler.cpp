#include "decoding/scheduler.h"

#include <algorithm>

#include "base/clock.h"
#include "base/text.h"
#include "base/verbose.h"

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
    if (cells > engines_.of(i).n_free() || sequences > engines_.of(i).n_sequence()) return false;
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

void Scheduler::collect(Generation& generation, size_t n_row) {
  RoundPart part{&generation};
  for (size_t model = 0; model < kModels; ++model) {
    part.first_row[model] = round_.work[model].n_row;
    part.first_group[model] = round_.work[model].batch.size();
  }
  generation.collect(round_, n_row);
  for (size_t model = 0; model < kModels; ++model)
    part.n_group[model] = round_.work[model].batch.size() - part.first_group[model];
  if (part.n_group != std::array<size_t, kModels>{}) parts_.push_back(part);
}

/// Runs some of a round's rows, with all that the round wants to be read out.
void Scheduler::run(size_t model, std::span<const RowGroup> batch, Round::Work& work) {
  if (batch.empty()) return;
  const Round::Work& all = round_.work[model];
  work.result =
      &engines_.of(static_cast<int>(model)).run({batch, {.routing = all.routing, .exits = all.exits}});
}

void Scheduler::run_round() {
  const double begin = now_seconds();
  for (size_t model = 0; model < kModels; ++model) try {
      run(model, round_.work[model].batch, round_.work[model]);
    } catch (const Error& e) {
      if (parts_.size() == 1) return parts_[0].generation->fail(e);
      return run_apart(model);
    }
  round_.seconds = now_seconds() - begin;
  for (const RoundPart& part : parts_) part.generation->take(round_);
}

/// What the models before `failed` gave is still there; the others run the rows of each text alone.
void Scheduler::run_apart(size_t failed) {
  for (const RoundPart& part : parts_) {
    const double begin = now_seconds();
    Round own;
    std::array<size_t, kModels> first_row{};
    try {
      for (size_t model = 0; model < kModels; ++model) {
        own.work[model].exits = round_.work[model].exits;
        own.work[model].result = round_.work[model].result;
        if (model < failed) continue;
        first_row[model] = part.first_row[model];
        run(model, std::span(round_.work[model].batch).subspan(part.first_group[model], part.n_group[model]),
            own.work[model]);
      }
      own.seconds = now_seconds() - begin;
      part.generation->take(own, first_row);
    } catch (const Error& e) {
      part.generation->fail(e);
    }
  }
}

/// The output head alone, where methods want it for rows that just ran, until none wants more. It costs
/// little beside a round of rows, and texts that waited for the next one would be half as fast.
void Scheduler::run_heads() {
  const auto run = [&](HeadRound& round) {
    const double begin = now_seconds();
    for (size_t model = 0; model < kModels; ++model)
      if (!round.work[model].empty()) engines_.of(static_cast<int>(model)).run_head(round.work[model]);
    round.seconds = now_seconds() - begin;
  };
  for (;;) {
    HeadRound all;
    for (const RoundPart& part : parts_) part.generation->collect_heads(all);
    if (all.empty()) return;
    try {
      run(all);
      for (const RoundPart& part : parts_) part.generation->take_heads(all);
    } catch (const Error&) {
      for (const RoundPart& part : parts_) try {
          HeadRound own;
          part.generation->collect_heads(own);
          if (!own.empty()) run(own);
          part.generation->take_heads(own);
        } catch (const Error& e) {
          part.generation->fail(e);
        }
    }
  }
}

bool Scheduler::step() {
  retire();
  admit();
  if (running_.empty()) return false;
  round_ = {};
  parts_.clear();
  auto budget = static_cast<size_t>(engines_.model->options().n_batch);
  const auto used = [&] { return round_.work[0].n_row + round_.work[1].n_row; };
  for (Generation* g : running_)
    if (!g->in_prompt()) collect(*g, budget);
  constexpr size_t kLeastPrompt = 32;  // prompts go on even where steps alone fill a batch
  budget = std::max(budget, used() + kLeastPrompt);
  for (size_t i = 0; i < running_.size() && used() < budget; ++i) {
    Generation* g = running_[(turn_ + i) % running_.size()];
    if (g->in_prompt()) collect(*g, budget - used());
  }
  ++turn_;
  const double begin = now_seconds();
  run_round();
  run_heads();
  tell([&] {
    return formatted("step %-15zu %9.3f ms, %zu rows of %zu texts, %zu wait", turn_,
                     1000 * (now_seconds() - begin), used(), running_.size(), waiting_.size());
  });
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
