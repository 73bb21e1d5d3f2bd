/// decoding/round.h - what one round runs for many texts together.
#pragma once

#include <array>
#include <vector>

#include "engine/engine.h"

namespace rouse {

/// The model and, for contrastive decoding, the amateur.
struct Engines {
  Engine* model;
  Engine* amateur = nullptr;
  Engine& of(int i) const { return i == 0 ? *model : *amateur; }
};
inline constexpr size_t kModels = 2;

/// One round of rows for each model.
struct Round {
  struct Work {
    Batch batch;
    size_t n_row = 0;
    std::vector<int> exits;              ///< that anybody wants, ascending
    bool routing = false;                ///< likewise
    const StepResult* result = nullptr;  ///< once it has run; until the engine runs again
  };
  std::array<Work, kModels> work;
  double seconds = 0;
};

/// Head rows of several texts: they run together, behind the rows of a round.
struct HeadRound {
  std::array<std::vector<HeadRows>, kModels> work;
  double seconds = 0;
  bool empty() const { return work[0].empty() && work[1].empty(); }
};

}  // namespace rouse
