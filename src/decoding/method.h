/// decoding/method.h - a decoding method as a state machine that never calls the model.
///
/// It asks for rows ("these tokens, on this stream, I need the logits"), is handed what came back, and ends
/// with the scores of the next token. Whoever drives it can run any mixture of methods in one batch, and a
/// method can be tested without a model.
#pragma once

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decoding/options.h"
#include "decoding/sampler.h"
#include "engine/engine.h"
#include "model/model_spec.h"

namespace rouse {

/// A line of KV cache that a method keeps, the prompt included.
struct Stream {
  RoutingPolicy policy;
  int model = 0;  ///< 0: the model; 1: the amateur
  std::shared_ptr<const HeadShift> shift = nullptr;
};

/// Rows to append to one of the method's streams; the output is wanted of the last one.
struct Ask {
  int stream;
  std::vector<int> tokens;
  Output output;
  bool prompt = false;          ///< holds tokens of the prompt: may run in pieces
  bool every = false;           ///< hidden rows are wanted of all
  std::vector<int> exits = {};  ///< the last row after so many blocks is wanted too
  /// A stream can branch: the rows go to branch `branch`, begun anew as a copy of branch `from` when that is
  /// not -1. Branches that nobody asks for in a round with such copies are then forgotten.
  int branch = 0, from = -1;
};

/// Rows that ran before, for the output head alone: of a row that asked for Output::hidden, or of exits.
struct HeadAsk {
  int stream;
  std::vector<float> rows;       ///< row-major [n][n_embd]
  std::vector<int> tokens = {};  ///< logits of these alone; none: of the whole vocabulary
  bool norm = false;             ///< the rows left early: the final norm comes first
};

/// What a method wants to be run.
struct Asks {
  std::vector<Ask> rows = {};
  std::vector<HeadAsk> heads = {};
  bool empty() const { return rows.empty() && heads.empty(); }
};

/// What came back for an Ask or a HeadAsk.
struct Answer {
  std::span<const float> logits;  ///< [n_vocab], if asked for; of a HeadAsk row-major [n][tokens, or n_vocab]
  std::span<const float> hidden = {};              ///< [n_embd], or of every row: row-major [n][n_embd]
  std::vector<std::span<const float>> exits = {};  ///< [exit]: [n_embd]
};

/// Tokens that must not come next; from whoever drives the method.
class TokenFilter {
 public:
  virtual ~TokenFilter() = default;
  /// Puts -inf where a token must not come next. scores: [n_vocab].
  virtual void apply(std::span<float> scores) const = 0;
};

/// What bounds a text; from whoever drives the method.
struct Limits {
  int n_predict = 0;
  std::vector<int> end_tokens;
};

/// Which of a model's sequences a method needs, for whoever shares out the KV cache.
struct Room {
  int streams = 0;   ///< of the prompt's length and more
  int branches = 0;  ///< sequences that may live beside them
  int cells = 0;     ///< KV cells at most
};

class Method {
 public:
  virtual ~Method() = default;
  virtual const std::vector<Stream>& streams() const = 0;
  /// Before the first append.
  void begin(Limits limits) { limits_ = std::move(limits); }
  /// The prompt, then every token that was chosen.
  virtual void append(std::span<const int> tokens) = 0;
  /// What to run now, after `append` or after an answer that was not final. Nothing: answer follows at once.
  virtual Asks ask(const TokenFilter& filter) = 0;
  /// One answer for each ask, those of heads behind those of rows. True: `scores` [n_vocab] holds the next
  /// token's scores, -inf where it must not be.
  virtual bool answer(std::span<const Answer> answers, const TokenFilter& filter,
                      std::vector<float>& scores) = 0;
  /// A copy in the same state, for samples that share a prompt; begin() comes before its next use.
  virtual std::unique_ptr<Method> clone() const = 0;
  /// Copies will be made once the prompt has run, so nothing of it should be left for later.
  virtual void expect_clones() {}
  /// Room on model `model` for a prompt and an answer of these lengths.
  virtual Room room(int model, int n_prompt, int n_predict) const;
  /// Adjusts what the user left at its default.
  virtual void adjust(SamplingOptions&) const {}

  /// Scoring a given text: rows after so many blocks whose logits score() wants of stream 0, and whether they
  /// pass the final norm.
  virtual std::vector<int> score_exits() const { return {}; }
  virtual bool norm_exits() const { return false; }
  /// Log-score of the token that followed, nats. rows: one answer a stream, with logits, and behind them one
  /// with those of the exits, row-major [exit][n_vocab]. alpha > 0 masks
  /// tokens that are not plausible: they score kMasked. Throws Error (exit 2) where a method's score is no
  /// distribution.
  virtual double score(std::span<const Answer> rows, int token, float alpha) const;
  /// The n tokens that score best in such rows, best first; the same errors.
  virtual std::vector<int> likeliest(std::span<const Answer> rows, size_t n) const;
  static constexpr double kMasked = -1000;

 protected:
  Limits limits_;
};

/// Random weights make flat logits, in which every step would need a contrast; the bench sets the share of
/// steps that do. Evenly spread: a step does when the running total passes a whole number.
class SimulatedNeed {
 public:
  explicit SimulatedNeed(double share) : share_(share) {}
  bool on() const { return share_ >= 0; }
  bool next() {
    const double before = std::floor(step_ * share_);
    return std::floor(++step_ * share_) > before;
  }

 private:
  double share_, step_ = 0;
};

/// The models that a method runs on.
struct MethodModels {
  const ModelSpec& spec;
  bool accelerated = false;            ///< weights lie on a GPU, where bandwidth binds rather than arithmetic
  const ModelSpec* amateur = nullptr;  ///< whose vocabulary was compared
  Abilities abilities = {};            ///< of the engines that run them
};

struct MethodEntry {
  const char* name;
  const char* help;
  std::unique_ptr<Method> (*make)(const MethodOptions&, const MethodModels&);
  bool samples = true;     ///< temperature, penalties and self-consistency make sense of its scores
  bool grammar = true;     ///< its next token can be constrained
  bool scores = true;      ///< it can score a given text
  bool likelihood = true;  ///< by a probability, so that perplexities mean something
  /// KV cells on the model that a text of n_ctx tokens takes; null: as many.
  int64_t (*n_cell)(const MethodOptions&, int64_t n_ctx) = nullptr;
  bool amateur = false;  ///< it needs a second model
};
std::span<const MethodEntry> method_registry();
/// Throws Error (exit 2).
const MethodEntry& method_entry(const std::string& name);
std::unique_ptr<Method> make_method(const MethodOptions& options, const MethodModels& models);
/// The methods of n samples of a text (of_sample); samples of one routing hold one.
std::vector<std::shared_ptr<const Method>> sample_methods(const MethodOptions& options, int n,
                                                          const MethodModels& models);
/// The most experts that a row of any of its routings chooses in a block.
int most_experts(const MethodOptions& options, const RouterSpec& router);
/// KV cells on the model for one text of n_ctx tokens: its streams, and branches that live beside them.
int64_t n_cell(const MethodOptions& options, int64_t n_ctx);
/// Defaults that depend on the model filled in: scmoe's weak routing is the published one,
/// roe's other routes are the model's top-k under Gumbel noise on its router.
MethodOptions resolved(MethodOptions options, const RouterSpec& router);
/// What works with what, as a Markdown table.
std::string method_table();

}  // namespace rouse
