#include "decoding/generation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "base/error.h"
#include "base/statistics.h"
#include "decoding/contrast.h"

namespace rouse {

const char* stop_reason_text(StopReason reason) {
  static constexpr const char* kTexts[] = {"none",    "eos",     "length",    "stop",
                                           "context", "grammar", "cancelled", "failed"};
  return kTexts[static_cast<size_t>(reason)];
}

void check_options(const MethodOptions& method, const GenerateOptions& o) {
  const MethodEntry& entry = method_entry(method.name);
  const SamplingOptions& s = o.sampling;
  const bool penalties = s.repeat_penalty != 1 || s.presence_penalty != 0 || s.frequency_penalty != 0;
  require_usage(entry.samples || s.temperature == 0, "method ", method.name,
                " chooses by its own score, which is not a distribution: temp must stay 0");
  require_usage(entry.samples || !penalties, "method ", method.name,
                " chooses by its own score: penalties on tokens do not apply to it");
  require_usage(entry.samples || o.n_top < 0, "method ", method.name,
                " chooses by its own score, which is not a distribution: its tokens have no log-probability");
  require_usage(entry.grammar || o.grammar.empty(), "method ", method.name,
                " keeps several texts at once: a grammar follows one");
}

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
                       std::vector<int> prompt, const GenerateOptions& options, OnText on_text)
    : engines_(engines),
      tokenizer_(tokenizer),
      options_(options),
      sampler_(adjusted(options.sampling, *method)),
      on_text_(std::move(on_text)),
      prompt_(std::move(prompt)),
      history_(prompt_),
      text_(options.stop) {
  require_usage(!prompt_.empty(), "the prompt is empty: a model needs at least one token to continue");
  require_option(options.n_predict >= 0, "n_predict", " is ", options.n_predict, ", expected 0 or more");
  for (const int token : prompt_)
    require_usage(token >= 0 && token < tokenizer.n_vocab(), "prompt token ", token, " is outside 0..",
                  tokenizer.n_vocab() - 1);
  if (!options.grammar.empty()) grammar_ = std::make_unique<Grammar>(tokenizer, options.grammar);
  const int n_prompt = static_cast<int>(prompt_.size());
  // The last token of a text is never run, so it takes no cell.
  n_limit_ = std::min(options.n_predict, std::max(0, context_of(engines_, *method) - n_prompt + 1));
  begin(std::move(method));
  for (int i = 0; i < static_cast<int>(kModels); ++i) {
    const Room most = needed(i);
    if (most.streams == 0) continue;
    const int n_cell = engines_.of(i).n_cell(),
              n_ctx = std::min(engines_.of(i).n_ctx(), n_cell / most.streams);
    require_of(n_prompt <= n_ctx, ErrorKind::usage, "n_ctx", "the prompt has ", n_prompt,
               " tokens, the context has room for ", n_ctx,
               most.streams > 1 ? cat(" on each of ", most.streams, " streams") : "");
    require_of(most.branches == 0 || most.cells <= n_cell, ErrorKind::usage, "n_ctx", "this method needs ",
               most.cells, " cells of the context for ", n_prompt, " tokens of prompt and ",
               options.n_predict, " to generate, there are ", n_cell);
    require_usage(most.streams + most.branches <= kMaxSequence, "this method needs ",
                  most.streams + most.branches, " sequences, the limit is ", kMaxSequence);
  }
  for (const Stream& stream : method_->streams()) stream.policy.choice().admit(n_prompt - 1);
  prefill_.tokens = n_prompt;
  method_->append(prompt_);
  if (options.n_predict == 0) stop_ = StopReason::length;
}

Generation::Generation(Generation& leader, uint64_t seed, OnText on_text)
    : engines_(leader.engines_),
      tokenizer_(leader.tokenizer_),
      options_(leader.options_),
      sampler_([&] {
        SamplingOptions s = adjusted(leader.options_.sampling, *leader.method_);
        s.seed = seed;
        return s;
      }()),
      grammar_(leader.grammar_ ? leader.grammar_->clone() : nullptr),
      on_text_(std::move(on_text)),
      prompt_(leader.prompt_),
      history_(prompt_),
      n_limit_(leader.n_limit_),
      leader_(&leader),
      shares_prompt_(true),
      text_(options_.stop) {
  leader.followers_.push_back(this);
  leader.method_->expect_clones();
  begin(leader.method_->clone());
  stop_ = leader.stop_;
}

void Generation::begin(std::unique_ptr<Method> method) {
  method_ = std::move(method);
  method_->begin({n_limit_, tokenizer_.end_tokens()});
}

Generation::~Generation() {
  close();
  if (leader_) std::erase(leader_->followers_, this);
  for (Generation* follower : followers_) follower->leader_ = nullptr, follower->cancel();
}

static PrefixKind kind_of(const Stream& stream) {
  return {stream.policy.text(), stream.policy.hash(), stream.shift};
}

void Generation::close() {
  const bool keep = options_.reuse && !error_ && !branched_;
  for (const auto& [key, seq] : sequences_) {
    const Stream& stream = method_->streams()[static_cast<size_t>(key.first)];
    Engine& engine = engines_.of(stream.model);
    if (keep && static_cast<size_t>(engine.length(seq)) <= history_.size())
      engine.kept().keep(seq, kind_of(stream), history_);
    else
      engine.close(seq);
  }
  sequences_.clear();
  asks_ = {};
}

Room Generation::needed(int i) const {
  const int n_prompt = static_cast<int>(prompt_.size());
  const int n_cell = std::max(0, context_of(engines_, *method_) - n_prompt);
  return method_->room(i, n_prompt, std::min(n_limit_, n_cell));
}

Room Generation::room(int i) const {
  Room room = needed(i);
  if (shares_prompt_) room.cells -= room.streams * static_cast<int>(prompt_.size());
  if (room.streams > 0) room.cells = std::min(room.cells, engines_.of(i).n_cell());
  return room;
}

int Generation::remaining(int i) const {
  std::map<int, int> longest;  // by stream: branches share most of their cells
  for (const auto& [key, seq] : sequences_)
    if (method_->streams()[static_cast<size_t>(key.first)].model == i)
      longest[key.first] = std::max(longest[key.first], engines_.of(i).length(seq));
  int held = 0;
  for (const auto& [stream, length] : longest)
    held += length - (shares_prompt_ ? static_cast<int>(prompt_.size()) : 0);
  return std::max(0, room(i).cells - held);
}

/// What to run next; a method that wants nothing answers until it does or the text is done.
void Generation::ask() {
  while (asks_.empty() && !done()) {
    asks_ = method_->ask(filter_);
    kept_.assign(asks_.rows.size(), {});
    asked_.assign(asks_.rows.size(), 0);
    head_logits_.assign(asks_.heads.size(), {});
    if (asks_.empty() && answer()) choose();
  }
}

/// The sequence of an ask's branch, made when it is not there yet.
SeqId Generation::branch(const Ask& ask) {
  const Stream& stream = stream_of(ask);
  Engine& engine = engines_.of(stream.model);
  const auto found = sequences_.find({ask.stream, ask.branch});
  if (found != sequences_.end()) return found->second;
  SeqId seq;
  if (ask.from >= 0) {
    branched_ = true;
    const SeqId from = sequences_.at({ask.stream, ask.from});
    seq = engine.fork(from, engine.length(from));
  } else {
    const Room r = room(stream.model);
    seq = engine.open(r.cells / std::max(1, r.streams));
  }
  sequences_[{ask.stream, ask.branch}] = seq;
  return seq;
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
  end_followers();
}

/// Who waits for this text's prompt ends as it did.
void Generation::end_followers() {
  for (Generation* follower : std::exchange(followers_, {})) {
    follower->leader_ = nullptr;
    if (follower->done()) continue;
    follower->error_ = error_;
    follower->stop_ = stop_;
  }
}

void Generation::collect(Round& round, size_t n_row) {
  if (done() || waiting()) return;
  guard([&] { add_next_rows(round, n_row); });
}

/// Streams whose prompt comes now begin with what is kept of an earlier text.
void Generation::begin_with_kept() {
  if (!options_.reuse || options_.routing) return;
  for (size_t i = 0; i < asks_.rows.size(); ++i) {
    const Ask& ask = asks_.rows[i];
    if (!ask.prompt || ask.every || ask.branch != 0 || sequences_.count({ask.stream, 0})) continue;
    const Stream& stream = stream_of(ask);
    Engine& engine = engines_.of(stream.model);
    const SeqId seq = engine.kept().begin(kind_of(stream), ask.tokens);
    if (seq < 0) continue;
    sequences_[{ask.stream, 0}] = seq;
    asked_[i] = static_cast<size_t>(engine.length(seq));
    if (ask.stream == 0) reused_ = engine.length(seq), prefill_.tokens -= reused_;
  }
}

void Generation::add_next_rows(Round& round, size_t n_row) {
  ask();
  if (done()) return;
  begin_with_kept();
  std::vector<size_t> take(asks_.rows.size());
  std::array<size_t, kModels> wanted{};
  for (size_t i = 0; i < asks_.rows.size(); ++i) {
    take[i] = std::min(asks_.rows[i].tokens.size() - asked_[i], asks_.rows[i].prompt ? n_row : SIZE_MAX);
    if (asks_.rows[i].prompt) n_row -= take[i];
    wanted[static_cast<size_t>(stream_of(asks_.rows[i]).model)] += take[i];
  }
  for (size_t model = 0; model < kModels; ++model)
    if (wanted[model] > 0 && wanted[model] + round.work[model].n_row >
                                 static_cast<size_t>(engines_.of(static_cast<int>(model)).n_free()))
      return stop(StopReason::context);
  if (!admit(take)) return stop(StopReason::context);
  for (size_t i = 0; i < asks_.rows.size(); ++i)
    if (take[i] > 0) add_rows(round, i, take[i]);
  drop_branches();
}

/// False when a stream would outgrow the context. A policy may know only so many positions; said before any
/// of the rows is in the round.
bool Generation::admit(const std::vector<size_t>& take) const {
  std::map<std::pair<int, int>, int> ends;  // by stream and branch
  for (size_t i = 0; i < asks_.rows.size(); ++i) {
    if (take[i] == 0) continue;
    const Ask& ask = asks_.rows[i];
    const auto from = sequences_.find({ask.stream, ask.from >= 0 ? ask.from : ask.branch});
    const Engine& engine = engines_.of(stream_of(ask).model);
    int& end =
        ends.try_emplace({ask.stream, ask.branch}, from == sequences_.end() ? 0 : engine.length(from->second))
            .first->second;
    end += static_cast<int>(take[i]);
    if (end > engine.n_ctx()) return false;
    stream_of(ask).policy.choice().admit(end - 1);
  }
  return true;
}

/// The next n rows of an ask.
void Generation::add_rows(Round& round, size_t i, size_t n) {
  const Ask& ask = asks_.rows[i];
  const Stream& stream = stream_of(ask);
  const SeqId seq = branch(ask);
  Round::Work& work = round.work[static_cast<size_t>(stream.model)];
  RowGroup group{&stream.policy, {}, stream.shift.get()};
  for (size_t t = asked_[i]; t < asked_[i] + n; ++t) {
    const Output output = t + 1 == ask.tokens.size() ? ask.output : ask.every ? Output::hidden : Output::none;
    group.rows.push_back({seq, ask.tokens[t], output});
  }
  pieces_.push_back({i, stream.model, work.n_row, n});
  work.batch.push_back(std::move(group));
  work.n_row += n;
  asked_[i] += n;
  work.routing = work.routing || options_.routing;
  for (const int exit : ask.exits)
    if (!std::binary_search(work.exits.begin(), work.exits.end(), exit))
      work.exits.insert(std::lower_bound(work.exits.begin(), work.exits.end(), exit), exit);
}

/// Where copies were begun in this round, branches that nobody asked for are history.
void Generation::drop_branches() {
  for (auto it = sequences_.begin(); it != sequences_.end();) {
    const auto [stream, branch] = it->first;
    bool copied = false, asked = false;
    for (const Ask& a : asks_.rows) {
      copied = copied || (a.stream == stream && a.from >= 0);
      asked = asked || (a.stream == stream && a.branch == branch);
    }
    if (copied && !asked) {
      engines_.of(method_->streams()[static_cast<size_t>(stream)].model).close(it->second);
      it = sequences_.erase(it);
    } else {
      ++it;
    }
  }
}

/// Copies what the rows of a piece gave: the next run overwrites it, and an ask may take several.
void Generation::keep(const Piece& piece, const StepResult& result, const std::vector<int>& exits) {
  const Ask& ask = asks_.rows[piece.ask];
  Kept& kept = kept_[piece.ask];
  const size_t last = piece.first + piece.n - 1;
  const auto add = [](std::vector<float>& to, std::span<const float> from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  if (options_.routing) {
    const int64_t end = engines_.of(piece.model).length(sequences_.at({ask.stream, ask.branch})) -
                        static_cast<int64_t>(piece.n);
    const size_t begin = asked_[piece.ask] - piece.n;
    for (size_t i = 0; i < piece.n; ++i)
      routed_.push_back({ask.stream, ask.tokens[begin + i], end + static_cast<int64_t>(i),
                         result.routing[piece.first + i]});
  }
  if (ask.every)
    for (size_t row = piece.first; row < last; ++row) add(kept.hidden, result.hidden(row));
  const bool whole = asked_[piece.ask] == ask.tokens.size();
  if (ask.every && !whole) add(kept.hidden, result.hidden(last));
  if (!whole || ask.output == Output::none) return;
  if (ask.output == Output::logits) add(kept.logits, result.logits(last));
  add(kept.hidden, result.hidden(last));
  for (const int exit : ask.exits) {
    const auto at = std::lower_bound(exits.begin(), exits.end(), exit) - exits.begin();
    const auto row = result.exit(static_cast<size_t>(at), last);
    kept.exits.emplace_back(row.begin(), row.end());
  }
}

void Generation::take(const Round& round, const std::array<size_t, kModels>& first_row) {
  if (pieces_.empty()) return;
  guard([&] { read(round, first_row); });
}

/// How many of n rows, the last of which has position end - 1, are tokens of a prompt.
static size_t prompt_rows(size_t n_prompt, int end, size_t n) {
  const size_t begin = static_cast<size_t>(end) - n;
  return std::min(n, n_prompt - std::min(n_prompt, begin));
}

/// A stream that waits runs its prompt with the first step that needs it: what ran is shared out by rows.
void Generation::read(const Round& round, const std::array<size_t, kModels>& first_row) {
  Cost prompt, step;
  int64_t n_step = 0;
  for (Piece& piece : std::exchange(pieces_, {})) {
    piece.first -= first_row[static_cast<size_t>(piece.model)];
    const Round::Work& work = round.work[static_cast<size_t>(piece.model)];
    const StepResult& result = *work.result;
    const Ask& ask = asks_.rows[piece.ask];
    keep(piece, result, work.exits);
    const SeqId seq = sequences_.at({ask.stream, ask.branch});
    const size_t n_prompt = prompt_rows(prompt_.size(), engines_.of(piece.model).length(seq), piece.n);
    const auto count = [&](Cost& cost, size_t begin, size_t end) {
      cost.rows += static_cast<int64_t>(end - begin);
      for (size_t r = piece.first + begin; r < piece.first + end; ++r)
        cost.expert_evaluations += result.row_evaluations[r];
      // Shares whose sum over all rows of the batch is exactly what was read.
      const auto share = [&](size_t row) {
        return result.cost.weight_bytes * static_cast<int64_t>(row) / result.cost.rows;
      };
      cost.weight_bytes += share(piece.first + end) - share(piece.first + begin);
    };
    count(prompt, 0, n_prompt);
    count(step, n_prompt, piece.n);
    (n_prompt == piece.n ? prompt : step).head_rows +=
        asked_[piece.ask] == ask.tokens.size() && ask.output == Output::logits;
    n_step = std::max(n_step, result.cost.steps);
  }
  const double begin = now_seconds();
  if (whole()) advance();
  const double own = now_seconds() - begin;
  (prompt.rows > step.rows ? prompt : step).steps = n_step;  // a run counts once, where most of its rows are
  const double share = static_cast<double>(prompt.rows) / static_cast<double>(prompt.rows + step.rows);
  prefill_.seconds += (round.seconds + own) * share;
  step_.seconds += (round.seconds + own) * (1 - share);
  prefill_.cost += prompt;
  step_.cost += step;
}

/// Whether everything that was asked for is there.
bool Generation::whole() const {
  for (size_t i = 0; i < asks_.rows.size(); ++i)
    if (asked_[i] < asks_.rows[i].tokens.size()) return false;
  return std::ranges::none_of(head_logits_, [](const auto& logits) { return logits.empty(); });
}

/// Hands the method what its asks gave. True: the scores of the next token are there.
bool Generation::answer() {
  std::vector<Answer> answers;
  for (const Kept& kept : kept_)
    answers.push_back({kept.logits, kept.hidden, {kept.exits.begin(), kept.exits.end()}});
  for (const auto& logits : head_logits_) answers.push_back({logits});
  if (options_.n_top >= 0 && !asks_.rows.empty() && asks_.rows[0].stream == 0 && !kept_[0].logits.empty())
    model_logits_ = kept_[0].logits;
  const bool final = method_->answer(answers, filter_, scores_);
  asks_ = {};
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
  head_at_.clear();
  if (done() || waiting()) return;
  for (size_t i = 0; i < asks_.heads.size(); ++i) {
    const HeadAsk& ask = asks_.heads[i];
    auto& work = round.work[static_cast<size_t>(model_of(ask))];
    head_at_.push_back(work.size());
    if (head_logits_[i].empty()) work.push_back({ask.rows, ask.tokens, ask.norm});
  }
}

void Generation::take_heads(HeadRound& round) {
  if (head_at_.empty()) return;
  guard([&] {
    Phase& phase = prompt_open_ ? prefill_ : step_;
    const double begin = now_seconds();
    for (size_t i = 0; i < asks_.heads.size(); ++i) {
      if (!head_logits_[i].empty()) continue;
      HeadRows& head = round.work[static_cast<size_t>(model_of(asks_.heads[i]))][head_at_[i]];
      if (head.fault) throw *head.fault;
      head_logits_[i] = std::move(head.logits);
      phase.cost += head.cost;
    }
    if (whole()) advance();
    phase.seconds += round.seconds + now_seconds() - begin;
  });
}

/// Goes on from where the leader's prompt ended, with its own seed.
void Generation::adopt(Generation& leader) {
  leader_ = nullptr;
  if (done()) return;
  begin(leader.method_->clone());
  for (const auto& [key, seq] : leader.sequences_) {
    Engine& engine = engines_.of(method_->streams()[static_cast<size_t>(key.first)].model);
    sequences_[key] = engine.fork(seq, engine.length(seq));
  }
  scores_ = leader.scores_;
  prompt_open_ = false;
  guard([this] { choose(); });
}

/// Tokens that must not come next. Before a method sees them: SCMoE's plausible set must not consist of one.
void Generation::allow(std::span<float> scores) const {
  if (options_.ignore_eos)
    for (const int token : tokenizer_.end_tokens()) scores[static_cast<size_t>(token)] = -INFINITY;
  if (grammar_) grammar_->allow(scores);
}

void Generation::choose() {
  prompt_open_ = false;
  for (Generation* follower : std::exchange(followers_, {})) follower->adopt(*this);
  if (std::none_of(scores_.begin(), scores_.end(), [](float s) { return s > -INFINITY; }) && grammar_)
    return stop(StopReason::grammar);
  const std::vector<float> likely = log_probs();  // choosing changes the scores
  int token = sampler_.pick(scores_, history_);
  if (!options_.follow.empty()) {
    choices_.push_back(token);
    token = options_.follow[tokens_.size()];
  }
  if (!tokens_.empty()) ++step_.tokens;
  if (tokenizer_.ends_generation(token) && options_.follow.empty()) {
    stop_ = StopReason::eos;
  } else {
    if (grammar_) grammar_->accept(token);
    if (!likely.empty()) keep_score(token, likely);
    emit(token);
  }
  const bool followed = !options_.follow.empty() && tokens_.size() == options_.follow.size();
  const auto n = static_cast<int>(tokens_.size());
  if (!done() && (n >= options_.n_predict || followed)) stop_ = StopReason::length;
  if (!done() && n >= n_limit_) stop_ = StopReason::context;
  publish();
  if (!done()) method_->append(std::span(&history_.back(), 1));
}

/// Of the method's scores; nothing unless somebody wants them.
std::vector<float> Generation::log_probs() const {
  if (options_.n_top < 0) return {};
  std::vector<float> out = scores_;
  log_softmax(out);
  return out;
}

void Generation::keep_score(int token, std::span<const float> log_probs) {
  TokenScore score{-nll(model_logits_, token), log_probs[static_cast<size_t>(token)]};
  for (const int other : best_tokens(log_probs, static_cast<size_t>(options_.n_top)))
    if (log_probs[static_cast<size_t>(other)] > -INFINITY)
      score.top.emplace_back(other, log_probs[static_cast<size_t>(other)]);
  token_scores_.push_back(std::move(score));
}

void Generation::stop(StopReason reason) {
  stop_ = reason;
  end_followers();
  publish();
}

void Generation::emit(int token) {
  tokens_.push_back(token);
  history_.push_back(token);
  const std::string shown = tokenizer_.piece(token);
  text_.add(shown.empty() ? tokenizer_.piece(token, true) : shown, shown.empty());
  if (text_.stopped()) stop_ = StopReason::stop_string;
  const size_t end = done() || !options_.end ? std::string::npos : options_.end(text());
  if (end == std::string::npos) return;
  text_.cut(end);
  stop_ = StopReason::stop_string;
}

/// Hands out text that is certain; all of it once the answer is done.
void Generation::publish() {
  if (done() && text_.finish()) stop_ = StopReason::stop_string;
  const size_t end = done() ? text().size() : text_.certain();
  if (!on_text_ || end <= published_) return;
  on_text_(text().substr(published_, end - published_));
  published_ = end;
}

}  // namespace rouse
