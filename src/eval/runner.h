/// eval/runner.h - the items of a task through a method, many at a time.
#pragma once

#include <atomic>
#include <functional>

#include "decoding/scheduler.h"
#include "decoding/scoring.h"
#include "eval/samples.h"
#include "sandbox/python.h"

namespace rouse {

/// A model as the runner needs it: something to run on, and the method that every item takes a copy of.
struct EvalModel {
  Engines engines;
  const Tokenizer& tokenizer;
  const Method& method;
  bool likelihood = true;  ///< its scores of a text are log-likelihoods: perplexities are kept
};

struct RunnerOptions {
  int n_parallel = 8;  ///< texts side by side
  int n_sample = 1;    ///< of each generated text; their answers vote
  int n_predict = 0;   ///< 0: the task's own
  bool ignore_eos = false;
  bool chat_template = false;  ///< the prompt is a user's message
  float score_alpha = 0;
  SamplingOptions sampling;
  const Sandbox* sandbox = nullptr;  ///< for tasks that run programs
};

/// What a run cost, items that it did itself.
struct EvalCost {
  int64_t n_item = 0, n_token = 0;  ///< scored or generated
  int64_t n_text = 0;  ///< tokens that were read or written, once each whatever the method's streams
  double seconds = 0;
  Cost cost;
  int64_t n_cut = 0;  ///< prompts that were too long and lost their beginning
};

/// Runs what the log does not hold. progress(share done, running mean of the task's metric). False when
/// interrupted.
bool run_task(const TaskEntry& task, const std::vector<Item>& items, const EvalModel& model,
              const RunnerOptions& options, SampleLog& log, EvalCost& cost,
              const std::function<void(double, double)>& progress, const std::atomic<bool>* interrupted);

}  // namespace rouse
