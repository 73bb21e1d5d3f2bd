/// decoding/generation.h - one text being generated: a method, its streams, the choice of tokens and when to
/// stop.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>

#include "base/error.h"
#include "decoding/method.h"
#include "decoding/sampler.h"
#include "decoding/stop_strings.h"
#include "engine/engine.h"
#include "tokenizer/grammar.h"
#include "tokenizer/tokenizer.h"

namespace rouse {

struct GenerateOptions {
  int n_predict = 512;            ///< tokens at most
  bool ignore_eos = false;        ///< the end token is never chosen
  std::vector<std::string> stop;  ///< what ends the answer and is not part of it; see StopStrings
  /// Where the text so far is whole although no stop came; npos: not yet.
  size_t (*end)(const std::string& text) = nullptr;
  std::string grammar;  ///< GBNF that the text must follow; empty: none
  SamplingOptions sampling;
  bool routing = false;  ///< keep which experts every row used; see Generation::routed
  /// Begins with the cells of an earlier text that begins alike under the same routing, and leaves its own
  /// for later ones. Rows that are not run have no routing, so it has no effect with `routing`.
  bool reuse = false;
  int n_top = -1;  ///< keep how likely every token was, and this many of the likeliest; -1: none of it
  std::vector<int> follow;  ///< goes along these tokens whatever it would choose; see Generation::choices
};

/// Throws Error (exit 2) when the method and what is done with its scores do not go together.
void check_options(const MethodOptions& method, const GenerateOptions& options);

enum class StopReason { none, eos, length, stop_string, context, grammar, cancelled, failed };
const char* stop_reason_text(StopReason reason);

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

/// Which experts a stream used at a position.
struct RoutedPosition {
  int stream = 0, token = 0;
  int64_t position = 0;
  std::vector<RoutedRow> layers;
};

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
    const StepResult* result = nullptr;  ///< once it has run
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

class Generation {
 public:
  using OnText = std::function<void(const std::string& piece)>;

  /// Takes no room yet. Throws Error (exit 2) when the prompt is empty or can never fit the context or the
  /// trace of a replayed routing, or when the method, the sampling and the grammar do not go together.
  Generation(Engines engines, const Tokenizer& tokenizer, std::unique_ptr<Method> method,
             std::vector<int> prompt, const GenerateOptions& options, OnText on_text = {});
  /// Another sample of the same text: it waits for `leader` to run the prompt and shares its cells. The
  /// leader must not have begun, and must live until this one has its own sequences.
  Generation(Generation& leader, uint64_t seed, OnText on_text = {});
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  bool done() const { return stop_ != StopReason::none; }
  bool waiting() const { return leader_ != nullptr; }
  bool in_prompt() const { return prompt_open_; }
  /// What it may take on model `i`; the cells are at most all there are.
  Room room(int i) const;
  /// Cells that it may still take there, beyond those it holds.
  int remaining(int i) const;

  /// Adds its next rows, at most n_row of a prompt, to a round, and afterwards reads what came of them. An
  /// Error on the way ends this text alone: it is kept in error().
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
  StopReason stop_reason() const { return stop_; }
  const std::optional<Error>& error() const { return error_; }  ///< why it failed
  /// Tokens of the prompt that were not run, as an earlier text's cells held them; of the first stream.
  int reused() const { return reused_; }
  const Phase& prefill() const { return prefill_; }
  const Phase& step() const { return step_; }
  const std::vector<TokenScore>& scores() const { return token_scores_; }  ///< [token], with n_top >= 0
  const std::vector<RoutedPosition>& routed() const { return routed_; }    ///< with GenerateOptions::routing
  const Method& method() const { return *method_; }

 private:
  /// Rows of an ask that run in one round.
  struct Piece {
    size_t ask;
    int model;
    size_t first, n;  ///< rows of the round's batch
  };
  struct Kept {
    std::vector<float> logits, hidden;
    std::vector<std::vector<float>> exits;
  };
  /// What this text must not take next.
  struct Filter final : TokenFilter {
    explicit Filter(const Generation& g) : generation(g) {}
    void apply(std::span<float> scores) const override { generation.allow(scores); }
    const Generation& generation;
  };
  void begin(std::unique_ptr<Method> method);
  Room needed(int i) const;
  template <class Work>
  void guard(Work&& work);
  void ask();
  void add_next_rows(Round& round, size_t n_row);
  void read(const Round& round, const std::array<size_t, kModels>& first_row);
  void begin_with_kept();
  bool admit(const std::vector<size_t>& take) const;
  void end_followers();
  const Stream& stream_of(const Ask& ask) const {
    return method_->streams()[static_cast<size_t>(ask.stream)];
  }
  int model_of(const HeadAsk& ask) const { return method_->streams()[static_cast<size_t>(ask.stream)].model; }
  SeqId branch(const Ask& ask);
  void add_rows(Round& round, size_t ask, size_t n);
  void drop_branches();
  void keep(const Piece& piece, const StepResult& result, const std::vector<int>& exits);
  bool answer();
  void advance();
  bool whole() const;
  void adopt(Generation& leader);
  void allow(std::span<float> scores) const;
  void choose();
  std::vector<float> log_probs() const;
  void keep_score(int token, std::span<const float> log_probs);
  void emit(int token);
  void publish();
  void stop(StopReason reason);

  Engines engines_;
  const Tokenizer& tokenizer_;
  std::unique_ptr<Method> method_;
  GenerateOptions options_;
  Sampler sampler_;
  std::unique_ptr<Grammar> grammar_;
  OnText on_text_;
  std::vector<int> prompt_, history_, tokens_, choices_;
  int n_limit_ = 0;  ///< tokens at most, of those asked for what the context holds
  Generation* leader_ = nullptr;
  bool shares_prompt_ = false;
  std::vector<Generation*> followers_;

  std::map<std::pair<int, int>, SeqId> sequences_;  ///< by stream and branch
  Filter filter_{*this};
  Asks asks_;
  std::vector<size_t> asked_;                    ///< rows of each ask that were handed out
  std::vector<Kept> kept_;                       ///< answers, as far as they are there
  std::vector<std::vector<float>> head_logits_;  ///< of each head ask, once it has run
  std::vector<size_t> head_at_;                  ///< of each head ask: its place in the head round
  std::vector<Piece> pieces_;
  bool prompt_open_ = true;
  bool branched_ = false;  ///< so that no sequence need hold the text
  int reused_ = 0;
  std::vector<float> scores_;

  StopStrings text_;
  size_t published_ = 0;
  StopReason stop_ = StopReason::none;
  std::optional<Error> error_;
  Phase prefill_, step_;
  std::vector<RoutedPosition> routed_;
  std::vector<float> model_logits_;  ///< of the step, with n_top >= 0
  std::vector<TokenScore> token_scores_;
};

}  // namespace rouse
