#include "decoding/generation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/clock.h"
#include "base/error.h"
#include "base/statistics.h"
#include "decoding/contrast.h"

namespace rouse {

/// Tokens that a text of this method may have.
static int context_of(const Engines& engines, const Method& method) {
  int n = std::numeric_limits<int>::max();
  for (const Stream& stream : method.streams()) n = std::min(n, engines.of(stream.model).n_ctx());
  return n;
}

static SamplingOptions adjusted(SamplingOptions sampling, const Method& method) {
  method.adjust(sampling);
  return sampling;
}

Generation::Generation(Engines engines, const Tokenizer& tokenizer, std::unique_ptr<Method> method,
                       std::vector<int> prompt, const GenerateOptions& options, OnText on_text,
                       OnText on_reasoning)
    : engines_(engines),
      tokenizer_(tokenizer),
      options_(options),
      sampler_(adjusted(options.sampling, *method)),
      prompt_(std::move(prompt)),
      history_(prompt_),
      text_(tokenizer, options, std::move(on_text), std::move(on_reasoning)) {
  require_usage(!prompt_.empty(), "the prompt is empty: a model needs at least one token to continue");
  require_option(options.n_predict >= 0, "n_predict", " is ", options.n_predict, ", expected 0 or more");
  for (const int token : options.follow)
    require_option(token >= 0 && token < tokenizer.n_vocab(), "follow", " holds ", token,
                   ", expected token ids of 0 to ", tokenizer.n_vocab() - 1);
  for (const auto& [token, bias] : options.logit_bias)
    require_option(token >= 0 && token < tokenizer.n_vocab(), "logit_bias", " names token ", token,
                   ", expected token ids of 0 to ", tokenizer.n_vocab() - 1);
  for (const int token : prompt_)
    require_usage(token >= 0 && token < tokenizer.n_vocab(), "prompt token ", token, " is outside 0..",
                  tokenizer.n_vocab() - 1);
  if (!options.grammar.empty()) grammar_ = std::make_unique<Grammar>(tokenizer, options.grammar);
  const int n_prompt = static_cast<int>(prompt_.size());
  // The last token of a text is never run, so it takes no cell.
  n_limit_ = std::min(options.n_predict, std::max(0, context_of(engines_, *method) - n_prompt + 1));
  begin(std::move(method));
  std::array<int, kModels> cells{};  // of a stream
  for (size_t i = 0; i < kModels; ++i) {
    check_room(static_cast<int>(i));
    const Room r = room(static_cast<int>(i));
    cells[i] = r.cells / std::max(1, r.streams);
  }
  rows_ = std::make_unique<Rows>(engines_, method_->streams(), cells, options.routing, options.reuse);
  for (const Stream& stream : method_->streams()) stream.policy.choice().admit(n_prompt - 1);
  prefill_.tokens = n_prompt;
  method_->append(prompt_);
  if (options.n_predict == 0) stop_ = StopReason::length;
}

Generation::Generation(Generation& first, uint64_t seed, OnText on_text)
    : engines_(first.engines_),
      tokenizer_(first.tokenizer_),
      options_(first.options_),
      sampler_([&] {
        SamplingOptions s = adjusted(first.options_.sampling, *first.method_);
        s.seed = seed;
        return s;
      }()),
      grammar_(first.grammar_ ? first.grammar_->clone() : nullptr),
      prompt_(first.prompt_),
      history_(prompt_),
      n_limit_(first.n_limit_),
      text_(first.tokenizer_, options_, std::move(on_text)) {
  if (!first.shared_) first.shared_ = std::make_shared<SharedPrompt>();
  shared_ = first.shared_;
  sample_ = shared_->join();
  first.method_->expect_clones();
  begin(first.method_->clone());
  // Until it has its own, which are the first's and begin no stream.
  rows_ = std::make_unique<Rows>(engines_, method_->streams(), std::array<int, kModels>{}, false, false);
  stop_ = first.stop_;
}

void Generation::begin(std::unique_ptr<Method> method) {
  method_ = std::move(method);
  method_->begin({n_limit_, tokenizer_.end_tokens()});
}

Generation::~Generation() {
  close();
}

/// Where it has its own rows, or will never have any, nobody waits for anybody.
void Generation::close() {
  if (shared_ && sample_) shared_->leave(*sample_);
  if (shared_ && !sample_) shared_->end(done() ? stop_ : StopReason::cancelled, error_);
  shared_.reset();
  rows_->close(error_ ? std::span<const int>() : history_);
}

std::vector<std::unique_ptr<Generation>> start_samples(Engines engines, const Tokenizer& tokenizer,
                                                       std::span<const std::shared_ptr<const Method>> methods,
                                                       const std::vector<int>& prompt,
                                                       GenerateOptions options, OnText on_text,
                                                       OnText on_reasoning) {
  std::vector<std::unique_ptr<Generation>> samples;
  std::map<const Method*, Generation*> firsts;
  for (size_t i = 0; i < methods.size(); ++i, ++options.sampling.seed) {
    Generation*& first = firsts[methods[i].get()];
    samples.push_back(first ? std::make_unique<Generation>(*first, options.sampling.seed)
                            : std::make_unique<Generation>(engines, tokenizer, methods[i]->clone(), prompt,
                                                           options, i == 0 ? std::move(on_text) : OnText(),
                                                           i == 0 ? std::move(on_reasoning) : OnText()));
    if (!first) first = samples.back().get();
  }
  return samples;
}

/// Throws Error unless model `i` has room for this text alone.
void Generation::check_room(int i) const {
  const Room most = needed(i);
  if (most.streams == 0) return;
  const int n_prompt = static_cast<int>(prompt_.size()), n_cell = engines_.of(i).n_cell(),
            n_ctx = std::min(engines_.of(i).n_ctx(), n_cell / most.streams);
  require_of(n_prompt <= n_ctx, ErrorKind::usage, "n_ctx", "the prompt has ", n_prompt,
             " tokens, the context has room for ", n_ctx,
             most.streams > 1 ? cat(" on each of ", most.streams, " streams") : "");
  require_of(most.branches == 0 || most.cells <= n_cell, ErrorKind::usage, "n_ctx", "this method needs ",
             most.cells, " cells of the context for ", n_prompt, " tokens of prompt and ", options_.n_predict,
             " to generate, there are ", n_cell);
  require_usage(most.streams + most.branches <= kMaxSequence, "this method needs ",
                most.streams + most.branches, " sequences, the limit is ", kMaxSequence);
}

Room Generation::needed(int i) const {
  const int n_prompt = static_cast<int>(prompt_.size());
  const int n_cell = std::max(0, context_of(engines_, *method_) - n_prompt);
  return method_->room(i, n_prompt, std::min(n_limit_, n_cell));
}

Room Generation::room(int i) const {
  Room room = needed(i);
  if (sample_) room.cells -= room.streams * static_cast<int>(prompt_.size());
  if (room.streams > 0) room.cells = std::min(room.cells, engines_.of(i).n_cell());
  return room;
}

int Generation::remaining(int i) const {
  return std::max(0, room(i).cells - rows_->held(i, sample_ ? static_cast<int>(prompt_.size()) : 0));
}

/// An error of this text must not cost those that run beside it.
template <class Work>
void Generation::guard(Work&& work) {
  try {
    work();
  } catch (const Error& e) {
    fail(e);
  }
}

void Generation::fail(const Error& e) {
  error_ = e;
  stop_ = StopReason::failed;
  if (shared_ && !sample_) shared_->end(stop_, error_);
}

/// True for a sample whose prompt has not run; else it goes on from where that ended, with its own seed.
bool Generation::waits_for_prompt() {
  if (!sample_ || !prompt_open_) return false;
  if (shared_->open()) return true;
  if (shared_->stop() != StopReason::none) {
    error_ = shared_->error();
    stop_ = shared_->stop();
    return false;
  }
  SharedPrompt::Start start = shared_->take(*sample_);
  begin(std::move(start.method));
  rows_ = std::move(start.rows);
  scores_ = shared_->first().scores;
  model_logits_ = shared_->first().model_logits;
  shared_.reset();
  choose();
  return false;
}

void Generation::collect(Round& round, size_t n_row) {
  if (done()) return;
  guard([&] {
    if (waits_for_prompt() || done()) return;
    add_next_rows(round, n_row);
  });
}

/// What to run next; a method that wants nothing answers until it does or the text is done.
void Generation::ask() {
  while (rows_->idle() && !done()) {
    rows_->ask(method_->ask(filter_));
    if (rows_->idle() && answer()) choose();
  }
}

void Generation::add_next_rows(Round& round, size_t n_row) {
  ask();
  if (done()) return;
  if (!rows_->add(round, n_row)) return stop(StopReason::context);
  if (!sample_) prefill_.tokens = static_cast<int64_t>(prompt_.size()) - rows_->reused();
}

void Generation::take(const Round& round, const std::array<size_t, kModels>& first_row) {
  if (!rows_->in_round()) return;
  guard([&] { read(round, first_row); });
}

/// Seconds of a round that ran rows of both kinds are shared out by rows.
void Generation::read(const Round& round, const std::array<size_t, kModels>& first_row) {
  Rows::Spent spent = rows_->read(round, first_row, prompt_.size());
  const double begin = now_seconds();
  if (rows_->whole()) advance();
  const double own = now_seconds() - begin;
  // A run counts once, where most of its rows are.
  (spent.prompt.rows > spent.step.rows ? spent.prompt : spent.step).steps = spent.n_graph;
  const double share =
      static_cast<double>(spent.prompt.rows) / static_cast<double>(spent.prompt.rows + spent.step.rows);
  prefill_.seconds += (round.seconds + own) * share;
  step_.seconds += (round.seconds + own) * (1 - share);
  prefill_.cost += spent.prompt;
  step_.cost += spent.step;
}

/// Hands the method what its asks gave. True: the scores of the next token are there.
bool Generation::answer() {
  const std::vector<Answer> answers = rows_->answers();
  if (const auto logits = rows_->first_logits(); options_.n_top >= 0 && !logits.empty())
    model_logits_.assign(logits.begin(), logits.end());
  const bool final = method_->answer(answers, filter_, scores_);
  rows_->clear();
  return final;
}

/// The method's turn: it chooses, or says what it wants next.
void Generation::advance() {
  if (answer())
    choose();
  else
    ask();
}

void Generation::collect_heads(HeadRound& round) {
  if (done()) return;
  rows_->add_heads(round);
}

void Generation::take_heads(HeadRound& round) {
  if (done() || !rows_->in_head_round()) return;
  guard([&] {
    Phase& phase = prompt_open_ ? prefill_ : step_;
    const double begin = now_seconds();
    phase.cost += rows_->read_heads(round);
    if (rows_->whole()) advance();
    phase.seconds += round.seconds + now_seconds() - begin;
  });
}

/// Tokens that must not come next. Before a method sees them: SCMoE's plausible set must not consist of one.
void Generation::allow(std::span<float> scores) const {
  if (options_.ignore_eos)
    for (const int token : tokenizer_.end_tokens()) scores[static_cast<size_t>(token)] = -INFINITY;
  for (const auto& [token, bias] : options_.logit_bias)
    if (bias <= kBanned) scores[static_cast<size_t>(token)] = -INFINITY;
  if (grammar_) grammar_->allow(scores);
}

void Generation::choose() {
  prompt_open_ = false;
  if (shared_) {
    shared_->begin(*rows_, *method_, {scores_, model_logits_});
    shared_.reset();
  }
  if (std::none_of(scores_.begin(), scores_.end(), [](float s) { return s > -INFINITY; }) && grammar_)
    return stop(StopReason::grammar);
  for (const auto& [token, bias] : options_.logit_bias) scores_[static_cast<size_t>(token)] += bias;
  std::vector<float> log_probs;  // of the method's scores, which choosing changes
  if (options_.n_top >= 0) log_softmax(log_probs = scores_);
  int token = sampler_.pick(scores_, history_);
  if (!options_.follow.empty()) {
    choices_.push_back(token);
    token = options_.follow[tokens_.size()];
  }
  if (!tokens_.empty()) ++step_.tokens;
  if (tokenizer_.ends_generation(token) && options_.follow.empty()) {
    stop_ = StopReason::eos;
    end_token_.emplace(token, log_probs.empty() ? TokenScore{} : score_of(token, log_probs));
  } else {
    if (grammar_) grammar_->accept(token);
    if (!log_probs.empty()) token_scores_.push_back(score_of(token, log_probs));
    emit(token);
  }
  const bool followed = !options_.follow.empty() && tokens_.size() == options_.follow.size();
  const auto n = static_cast<int>(tokens_.size());
  if (!done() && (n >= options_.n_predict || followed)) stop_ = StopReason::length;
  if (!done() && n >= n_limit_) stop_ = StopReason::context;
  publish();
  if (!done()) method_->append(std::span(&history_.back(), 1));
}

TokenScore Generation::score_of(int token, std::span<const float> log_probs) const {
  TokenScore score{-nll(model_logits_, token), log_probs[static_cast<size_t>(token)]};
  for (const int other : best_tokens(log_probs, static_cast<size_t>(options_.n_top)))
    if (log_probs[static_cast<size_t>(other)] > -INFINITY)
      score.top.emplace_back(other, log_probs[static_cast<size_t>(other)]);
  return score;
}

void Generation::stop(StopReason reason) {
  stop_ = reason;
  if (shared_ && !sample_) shared_->end(stop_, error_);
  publish();
}

void Generation::emit(int token) {
  tokens_.push_back(token);
  history_.push_back(token);
  if (text_.add(token)) stop_ = StopReason::stop_string;
}

/// Hands out text that is certain; all of it once the answer is done.
void Generation::publish() {
  if (!done()) return text_.publish();
  if (text_.finish()) stop_ = StopReason::stop_string;
}

}  // namespace rouse
