/// decoding/generation.h - one text being generated: a method, its streams, the choice of tokens and when to
/// stop.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>

#include "decoding/chooser.h"
#include "decoding/method.h"
#include "engine/engine.h"
#include "tokenizer/tokenizer.h"

namespace rouse {

struct GenerateOptions {
  int n_predict = 512;            ///< tokens at most
  bool ignore_eos = false;        ///< the end token is never chosen
  std::vector<std::string> stop;  ///< text that ends the answer; not part of it
  SamplingOptions sampling;
};

enum class StopReason { none, eos, length, stop_string, context, cancelled };
const char* stop_reason_text(StopReason reason);

/// Seconds and cost of the prompt and of the steps, apart. In a shared batch rows, expert evaluations and
/// head rows are its own, bytes of weights its share by rows, and seconds and steps those of the batch.
struct Phase {
  double seconds = 0;
  int64_t tokens = 0;  ///< prefill: prompt tokens; step: tokens chosen after the first
  Cost cost;
};

/// Which experts a stream used at a position.
struct RoutedPosition {
  int stream = 0, token = 0;
  int64_t position = 0;
  std::vector<RoutedRow> layers;
};

class Generation {
 public:
  using OnText = std::function<void(const std::string& piece)>;

  /// Opens the method's sequences. Throws Error (exit 2) when the prompt is empty or does not fit the
  /// context.
  Generation(Engine& engine, const Tokenizer& tokenizer, std::unique_ptr<Method> method,
             std::vector<int> prompt, const GenerateOptions& options, OnText on_text = {});
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  bool done() const { return stop_ != StopReason::none; }
  /// Rows to run next, to be merged with those of other generations.
  Batch next();
  /// What came of them; `first_row` is where they begin in the result.
  void take(const StepResult& result, size_t first_row, double seconds);
  void cancel() { stop_ = StopReason::cancelled; }

  const std::vector<int>& prompt() const { return prompt_; }
  const std::vector<int>& tokens() const {
    return tokens_;
  }                                                  ///< chosen so far; an end token is not among them
  const std::string& text() const { return text_; }  ///< their text, without a stop string
  StopReason stop_reason() const { return stop_; }
  const Phase& prefill() const { return prefill_; }
  const Phase& step() const { return step_; }
  const std::vector<RoutedPosition>& routed() const { return routed_; }  ///< when the engine taps routing
  const Method& method() const { return *method_; }

 private:
  std::span<const float> allowed(std::span<const float> logits, size_t slot);
  void choose();
  void emit(int token);
  void publish(bool final);

  Engine& engine_;
  const Tokenizer& tokenizer_;
  std::unique_ptr<Method> method_;
  GenerateOptions options_;
  Chooser chooser_;
  OnText on_text_;
  std::vector<SeqId> sequences_;  ///< one a stream
  std::vector<int> prompt_, history_, tokens_;
  std::vector<Ask> asks_;
  std::vector<float> scores_;
  std::vector<std::vector<float>> allowed_;
  std::string text_;
  size_t published_ = 0;
  StopReason stop_ = StopReason::none;
  Phase prefill_, step_;
  std::vector<RoutedPosition> routed_;
};

/// Runs generations side by side, all their rows in one batch a step, until every one is done or
/// `interrupted`.
void run_generations(Engine& engine, std::span<Generation* const> generations,
                     const std::atomic<bool>* interrupted = nullptr);

}  // namespace rouse
