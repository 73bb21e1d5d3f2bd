/// engine/head_rows.h - rows for the output head alone, and what it gave.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/batch.h"

namespace rouse {

/// Rows for the head, and what it gave.
struct HeadRows {
  std::span<const float> rows;       ///< row-major [n][n_embd]
  std::span<const int> tokens = {};  ///< logits of these alone; none given: of the whole vocabulary
  bool norm = false;                 ///< the rows left early: the final norm comes first
  std::vector<float> logits = {};    ///< row-major [n][tokens.size(), or n_vocab]
  std::optional<Error> fault = {};   ///< a logit that is NaN or +inf, by its token
  Cost cost = {};                    ///< its head rows, and its share by rows of the bytes
};

}  // namespace rouse
