/// decoding/generation.h - one text being generated: drives a method's state machine from rows to the next
/// token, and decides when the text ends.
///
/// What it is made of: the method (decoding/method.h) says what to run, Rows (rows.h) puts it into rounds and
/// keeps what comes back, the Sampler chooses, AnswerText (answer_text.h) makes text of tokens.
#pragma once

#include <optional>

#include "base/error.h"
#include "decoding/answer_text.h"
#include "decoding/rows.h"
#include "decoding/shared_prompt.h"
#include "tokenizer/grammar.h"

namespace rouse {

/// The prompt and the steps, apart by rows, whichever round ran them. In a shared batch rows, evaluations and
/// head rows are its own, bytes of weights its share by rows, and seconds and steps those of the batch.
struct Phase {
  double seconds = 0;
  int64_t tokens = 0;  ///< prefill: prompt tokens; step: tokens chosen after the first
  Cost cost;
};

/// How likely a token of the answer was, in nats.
struct TokenScore {
  double model = 0;   ///< by the logits of the method's first stream
  double method = 0;  ///< by the scores that it was chosen from, before penalties and sampling
  std::vector<std::pair<int, double>> top = {};  ///< (token, by `method`), the likeliest first
};

/// Whoever drives it calls collect and take (and the same for heads) round by round, on the thread that runs
/// the engines: Scheduler, for any mixture of texts. An Error on the way ends this text alone; see error().
class Generation {
 public:
  /// Takes no room yet. Throws Error (exit 2) when the prompt is empty or can never fit the context or the
  /// trace of a replayed routing, or when the method, the sampling and the grammar do not go together.
  Generation(Engines engines, const Tokenizer& tokenizer, std::unique_ptr<Method> method,
             std::vector<int> prompt, const GenerateOptions& options, OnText on_text = {},
             OnText on_reasoning = {});
  /// Another sample of the same text: it waits for `first` to run the prompt and begins with its cells. The
  /// first must not have begun. Either may go before the other.
  Generation(Generation& first, uint64_t seed, OnText on_text = {});
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  bool done() const { return stop_ != StopReason::none; }
  bool in_prompt() const { return prompt_open_; }
  /// What it may take on model `i`; the cells are at most all there are.
  Room room(int i) const;
  /// Cells that it may still take there, beyond those it holds.
  int remaining(int i) const;

  /// Adds its next rows, at most n_row of a prompt, to a round, and afterwards reads what came of them.
  void collect(Round& round, size_t n_row);
  /// first_row: of the round's rows in the round that it was collected for, where they were run apart.
  void take(const Round& round, const std::array<size_t, kModels>& first_row = {});
  /// The same for the head rows that its method wants now, if any.
  void collect_heads(HeadRound& round);
  void take_heads(HeadRound& round);
  void fail(const Error& e);
  void cancel() {
    if (!done()) stop(StopReason::cancelled);
  }
  /// Gives its sequences back. What was generated stays.
  void close();

  const std::vector<int>& prompt() const { return prompt_; }
  const std::vector<int>& tokens() const { return tokens_; }    ///< so far; an end token is not among them
  const std::vector<int>& choices() const { return choices_; }  ///< what it would have taken at every step
  const std::string& text() const { return text_.text(); }      ///< their text, without a stop string
  /// Where options.reasoning asks for it, the text's answer, and what it holds before; as far as it is
  /// published.
  const std::string& answer_text() const { return text_.answer(); }
  std::string reasoning() const { return text_.reasoning(); }
  /// What is certain of the answer: whole characters, no part of a stop string.
  std::string_view certain_text() const {
    return std::string_view(text_.answer()).substr(0, text_.published());
  }
  StopReason stop_reason() const { return stop_; }
  const std::optional<Error>& error() const { return error_; }  ///< why it failed
  /// Tokens of the prompt that were not run, as an earlier text's cells held them; of the first stream.
  int reused() const { return rows_->reused(); }
  const Phase& prefill() const { return prefill_; }
  const Phase& step() const { return step_; }
  const std::vector<TokenScore>& scores() const { return token_scores_; }  ///< [token], with n_top >= 0
  /// The end token that the text ended with, and with n_top >= 0 how likely it was.
  const std::optional<std::pair<int, TokenScore>>& end_token() const { return end_token_; }
  const std::vector<RoutedPosition>& routed() const { return rows_->routed(); }  ///< with `routing`
  const Method& method() const { return *method_; }

 private:
  /// What this text must not take next.
  struct Filter final : TokenFilter {
    explicit Filter(const Generation& g) : generation(g) {}
    void apply(std::span<float> scores) const override { generation.allow(scores); }
    const Generation& generation;
  };
  void begin(std::unique_ptr<Method> method);
  void check_room(int i) const;
  Room needed(int i) const;
  template <class Work>
  void guard(Work&& work);
  bool waits_for_prompt();
  void ask();
  void add_next_rows(Round& round, size_t n_row);
  void read(const Round& round, const std::array<size_t, kModels>& first_row);
  bool answer();
  void advance();
  void allow(std::span<float> scores) const;
  void choose();
  TokenScore score_of(int token, std::span<const float> log_probs) const;
  void emit(int token);
  void publish();
  void stop(StopReason reason);

  Engines engines_;
  const Tokenizer& tokenizer_;
  std::unique_ptr<Method> method_;
  std::unique_ptr<Rows> rows_;
  GenerateOptions options_;
  Sampler sampler_;
  std::unique_ptr<Grammar> grammar_;
  std::vector<int> prompt_, history_, tokens_, choices_;
  int n_limit_ = 0;  ///< tokens at most, of those asked for what the context holds
  std::shared_ptr<SharedPrompt> shared_;
  std::optional<size_t> sample_;  ///< its number, unless it is the first and runs the prompt
  Filter filter_{*this};
  bool prompt_open_ = true;
  std::vector<float> scores_;        ///< of the next token
  std::vector<float> model_logits_;  ///< of the step, with n_top >= 0
  AnswerText text_;
  StopReason stop_ = StopReason::none;
  std::optional<Error> error_;
  Phase prefill_, step_;
  std::vector<TokenScore> token_scores_;
  std::optional<std::pair<int, TokenScore>> end_token_;
};

/// Samples of one text, their seeds in a row from that of `options`. methods: one a sample, copied
/// (sample_methods); those of one object share the prompt, which the first of them runs. on_text and
/// on_reasoning hear of the first sample. All must be run together.
std::vector<std::unique_ptr<Generation>> start_samples(Engines engines, const Tokenizer& tokenizer,
                                                       std::span<const std::shared_ptr<const Method>> methods,
                                                       const std::vector<int>& prompt,
                                                       GenerateOptions options, OnText on_text = {},
                                                       OnText on_reasoning = {});

}  // namespace rouse
