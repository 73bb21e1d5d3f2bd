/// eval/runner.h - the items of a task through a method, many at a time.
#pragma once

#include <atomic>
#include <functional>

#include "decoding/scheduler.h"
#include "decoding/scoring.h"
#include "eval/samples.h"
#include "sandbox/python.h"
#include "tokenizer/chat_template.h"

namespace rouse {

/// A model as the runner needs it: something to run on, and the methods that every item takes copies of.
struct EvalModel {
  Engines engines;
  const Tokenizer& tokenizer;
  std::vector<std::shared_ptr<const Method>> methods;  ///< [n_sample], see sample_methods; the first scores
  bool likelihood = true;  ///< its scores of a text are log-likelihoods: perplexities are kept
  const Method& method() const { return *methods[0]; }
};

struct RunnerOptions {
  int n_parallel = 8;  ///< texts side by side
  int n_sample = 1;    ///< of each generated text; their answers vote
  int n_predict = 0;   ///< 0: the task's own
  bool ignore_eos = false;
  bool chat_template = false;                     ///< the prompt is a user's message
  TemplateOptions chat{.date = kEvaluationDate};  ///< how it is written then
  float score_alpha = 0;
  SamplingOptions sampling;
  const Sandbox* sandbox = nullptr;  ///< for tasks that run programs
};

/// Who watches a run.
struct RunnerEvents {
  std::function<void(double, double)> progress = {};  ///< share done, running mean of the task's metric
  std::function<void(const Item&, const Error&)> failed = {};
  std::function<void(const Item&)> saved = {};  ///< its row is in the log
  const std::atomic<bool>* stop = nullptr;
};

/// Runs what the log does not hold. A prompt that leaves no room for its answer in the context (-c, a text's
/// own) loses its beginning. An item that cannot be scored, as a number on the way is not finite or an answer
/// does not fit the context, is reported and left out; the others go on. False when stopped.
bool run_task(const TaskEntry& task, const std::vector<Item>& items, const EvalModel& model,
              const RunnerOptions& options, SampleLog& log, const RunnerEvents& events);

}  // namespace rouse
