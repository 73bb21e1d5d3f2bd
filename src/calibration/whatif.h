/// calibration/whatif.h - what a token would have lost or won without an expert, or with another.
#pragma once

#include <atomic>
#include <functional>

#include "base/json.h"
#include "calibration/probe.h"

namespace rouse {

/// What is done to the rows that predict a text's tokens.
struct ExpertQuestion {
  std::pair<int, int> expert;  ///< block, expert
  bool ban = true;             ///< else it is forced in the last-ranked choice's place
  std::string text() const;    ///< "ban 3.17"
};

struct WhatIf {
  std::vector<int> prompt, continuation;
  int token = 0;  ///< of the continuation, from 1; 0: all
  std::vector<ExpertQuestion> questions;
  bool rank = false;  ///< every expert of every block for one token: those chosen banned, the others forced
  std::string routing = "topk";  ///< that all is measured under
  const RoutingFiles* files = nullptr;
  bool control = false;  ///< for one token: what the block's other experts do when treated alike
};

/// [{"what", "change", "tokens": [{"position", "token", "logprob", "change"}]}], in nats: one of each
/// question in their order, or ranked by effect, the largest first. With a control each has "control" as
/// well,
/// {"experts", "mean", "range"}: changes by the other chosen experts of the block, banned one at a time, or
/// by the other unchosen ones, forced; 95% of them lie in the range. Null where there is no other. The engine
/// needs the cells of calibration/probe.h. Throws Error (usage) for a dense model or an empty text, and
/// (interrupted) when stopped.
Json what_if(Engine& engine, const Tokenizer& tokenizer, const WhatIf& o,
             const std::function<void(double)>& progress = {}, const std::atomic<bool>* stop = nullptr);

}  // namespace rouse
