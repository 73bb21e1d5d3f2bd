/// report/latency.h - prefill and step speed of every method in one run: interleaved, repeated, against
/// greedy, against libllama on the same file, and against the bound that memory bandwidth sets.
#pragma once

#include <atomic>
#include <functional>

#include "base/json.h"
#include "session/session.h"

namespace rouse {

struct LatencyOptions {
  ModelOptions model;
  std::vector<int> n_prompt{128, 512};  ///< prompt lengths; steps follow the first
  int n_gen = 32, repeats = 5;          ///< steps of each repeat; repeats after one warm-up
  double weak_needed = -1;              ///< simulate that this share of steps needs a contrast; below 0: none
  std::string weak;                     ///< SCMoE's weak routing
  std::string plan, amateur, iti;       ///< files of rows that need one
  std::vector<int> n_parallel{1};       ///< texts side by side
  std::vector<std::string> only;        ///< rows whose name begins so, beside greedy; empty: all
  bool peer = false;                    ///< also libllama on the same file and threads
};

/// {"model", "device", "placement", "n_prompt", ..., "rows": [{"name", "step_tok_s", "step_ratio_to_greedy",
/// "step_ratio_to_greedy_interval", ...}]}: medians, and 95% intervals of ratios. Throws Error before
/// anything is measured where a row cannot be, and (interrupted) when stopped.
Json measure_latency(const LatencyOptions& options, const std::function<void(double)>& progress = {},
                     const std::atomic<bool>* stop = nullptr);

/// Bytes a second that all threads together read from memory, best of three over n_byte, which no cache
/// holds.
double memory_bandwidth(int n_thread, size_t n_byte = size_t{512} << 20);

}  // namespace rouse
