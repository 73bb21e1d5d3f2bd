#include "decoding/rows.h"

#include <algorithm>

#include "base/error.h"

namespace rouse {

Rows::Rows(Engines engines, const std::vector<Stream>& streams, const std::array<int, kModels>& cells,
           bool routing, bool reuse)
    : engines_(engines), streams_(streams), cells_(cells), routing_(routing), reuse_(reuse) {}

void Rows::ask(Asks asks) {
  asks_ = std::move(asks);
  kept_.assign(asks_.rows.size(), {});
  asked_.assign(asks_.rows.size(), 0);
  head_logits_.assign(asks_.heads.size(), {});
}

static PrefixKind kind_of(const Stream& stream) {
  return {stream.policy.text(), stream.policy.hash(), stream.shift};
}

/// Streams whose prompt comes now begin with what is kept of an earlier text.
void Rows::begin_with_kept() {
  if (!reuse_ || routing_) return;
  for (size_t i = 0; i < asks_.rows.size(); ++i) {
    const Ask& ask = asks_.rows[i];
    if (!ask.prompt || ask.every || ask.branch != 0 || sequences_.count({ask.stream, 0})) continue;
    Engine& engine = engine_of(ask.stream);
    const SeqId seq = engine.kept().begin(kind_of(stream_of(ask.stream)), ask.tokens);
    if (seq < 0) continue;
    sequences_[{ask.stream, 0}] = seq;
    asked_[i] = static_cast<size_t>(engine.length(seq));
    if (ask.stream == 0) reused_ = engine.length(seq);
  }
}

bool Rows::add(Round& round, size_t n_row) {
  begin_with_kept();
  std::vector<size_t> take(asks_.rows.size());
  std::array<size_t, kModels> wanted{};
  for (size_t i = 0; i < asks_.rows.size(); ++i) {
    const Ask& ask = asks_.rows[i];
    take[i] = std::min(ask.tokens.size() - asked_[i], ask.prompt ? n_row : SIZE_MAX);
    if (ask.prompt) n_row -= take[i];
    wanted[static_cast<size_t>(stream_of(ask.stream).model)] += take[i];
  }
  for (size_t model = 0; model < kModels; ++model)
    if (wanted[model] > 0 && wanted[model] + round.work[model].n_row >
                                 static_cast<size_t>(engines_.of(static_cast<int>(model)).n_free()))
      return false;
  if (!admit(take)) return false;
  std::vector<SeqId> sequences(take.size(), -1);  // all first: what fails here has added nothing
  for (size_t i = 0; i < take.size(); ++i)
    if (take[i] > 0) sequences[i] = branch(asks_.rows[i]);
  for (size_t i = 0; i < take.size(); ++i)
    if (take[i] > 0) add_rows(round, i, take[i], sequences[i]);
  drop_branches();
  return true;
}

/// False when a stream would outgrow the context. A policy may know only so many positions; said before any
/// of the rows is in the round.
bool Rows::admit(const std::vector<size_t>& take) const {
  std::map<std::pair<int, int>, int> ends;  // by stream and branch
  for (size_t i = 0; i < asks_.rows.size(); ++i) {
    if (take[i] == 0) continue;
    const Ask& ask = asks_.rows[i];
    const auto from = sequences_.find({ask.stream, ask.from >= 0 ? ask.from : ask.branch});
    const Engine& engine = engine_of(ask.stream);
    const int length = from == sequences_.end() ? 0 : engine.length(from->second);
    int& end = ends.try_emplace({ask.stream, ask.branch}, length).first->second;
    end += static_cast<int>(take[i]);
    if (end > engine.n_ctx()) return false;
    stream_of(ask.stream).policy.choice().admit(end - 1);
  }
  return true;
}

/// The sequence of an ask's branch, made when it is not there yet.
SeqId Rows::branch(const Ask& ask) {
  const auto found = sequences_.find({ask.stream, ask.branch});
  if (found != sequences_.end()) return found->second;
  Engine& engine = engine_of(ask.stream);
  SeqId seq;
  if (ask.from >= 0) {
    branched_ = true;
    const SeqId from = sequences_.at({ask.stream, ask.from});
    seq = engine.fork(from, engine.length(from));
  } else {
    seq = engine.open(cells_[static_cast<size_t>(stream_of(ask.stream).model)]);
  }
  sequences_[{ask.stream, ask.branch}] = seq;
  return seq;
}

/// The next n rows of an ask.
void Rows::add_rows(Round& round, size_t i, size_t n, SeqId seq) {
  const Ask& ask = asks_.rows[i];
  const Stream& stream = stream_of(ask.stream);
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
  work.routing = work.routing || routing_;
  for (const int exit : ask.exits)
    if (!std::binary_search(work.exits.begin(), work.exits.end(), exit))
      work.exits.insert(std::lower_bound(work.exits.begin(), work.exits.end(), exit), exit);
}

/// Where copies were begun in this round, branches that nobody asked for are history.
void Rows::drop_branches() {
  for (auto it = sequences_.begin(); it != sequences_.end();) {
    const int stream = it->first.first, branch = it->first.second;
    bool copied = false, asked = false;
    for (const Ask& a : asks_.rows) {
      copied = copied || (a.stream == stream && a.from >= 0);
      asked = asked || (a.stream == stream && a.branch == branch);
    }
    if (copied && !asked) {
      engine_of(stream).close(it->second);
      it = sequences_.erase(it);
    } else {
      ++it;
    }
  }
}

void Rows::keep_routing(const Piece& piece, const StepResult& result) {
  const Ask& ask = asks_.rows[piece.ask];
  const int64_t end = engines_.of(piece.model).length(sequences_.at({ask.stream, ask.branch})) -
                      static_cast<int64_t>(piece.n);
  const size_t begin = asked_[piece.ask] - piece.n;
  for (size_t i = 0; i < piece.n; ++i)
    routed_.push_back(
        {ask.stream, ask.tokens[begin + i], end + static_cast<int64_t>(i), result.routing[piece.first + i]});
}

/// Copies what the rows of a piece gave; an ask may take several.
void Rows::keep(const Piece& piece, const StepResult& result, const std::vector<int>& exits) {
  const Ask& ask = asks_.rows[piece.ask];
  Kept& kept = kept_[piece.ask];
  const size_t last = piece.first + piece.n - 1;
  const auto add = [](std::vector<float>& to, std::span<const float> from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  if (routing_) keep_routing(piece, result);
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

/// How many of n rows, the last of which has position end - 1, are tokens of a prompt.
static size_t prompt_rows(size_t n_prompt, int end, size_t n) {
  const size_t begin = static_cast<size_t>(end) - n;
  return std::min(n, n_prompt - std::min(n_prompt, begin));
}

/// Rows [begin, end) of a run, as a part of its cost.
static void count(Cost& cost, const StepResult& result, size_t begin, size_t end) {
  cost.rows += static_cast<int64_t>(end - begin);
  for (size_t r = begin; r < end; ++r) cost.expert_evaluations += result.row_evaluations[r];
  // Shares whose sum over all rows of the batch is exactly what was read.
  const auto share = [&](int64_t whole, size_t row) {
    return whole * static_cast<int64_t>(row) / result.cost.rows;
  };
  cost.weight_bytes += share(result.cost.weight_bytes, end) - share(result.cost.weight_bytes, begin);
  cost.idle_evaluations +=
      share(result.cost.idle_evaluations, end) - share(result.cost.idle_evaluations, begin);
}

Rows::Spent Rows::read(const Round& round, const std::array<size_t, kModels>& first_row, size_t n_prompt) {
  Spent spent;
  for (Piece& piece : std::exchange(pieces_, {})) {
    piece.first -= first_row[static_cast<size_t>(piece.model)];
    const Round::Work& work = round.work[static_cast<size_t>(piece.model)];
    const StepResult& result = *work.result;
    const Ask& ask = asks_.rows[piece.ask];
    keep(piece, result, work.exits);
    const int end = engines_.of(piece.model).length(sequences_.at({ask.stream, ask.branch}));
    const size_t n = prompt_rows(n_prompt, end, piece.n);
    count(spent.prompt, result, piece.first, piece.first + n);
    count(spent.step, result, piece.first + n, piece.first + piece.n);
    (n == piece.n ? spent.prompt : spent.step).head_rows +=
        asked_[piece.ask] == ask.tokens.size() && ask.output == Output::logits;
    spent.n_graph = std::max(spent.n_graph, result.cost.steps);
  }
  return spent;
}

void Rows::add_heads(HeadRound& round) {
  head_at_.clear();
  for (size_t i = 0; i < asks_.heads.size(); ++i) {
    const HeadAsk& ask = asks_.heads[i];
    auto& work = round.work[static_cast<size_t>(stream_of(ask.stream).model)];
    head_at_.push_back(work.size());
    if (head_logits_[i].empty()) work.push_back({ask.rows, ask.tokens, ask.norm});
  }
}

Cost Rows::read_heads(HeadRound& round) {
  Cost cost;
  for (size_t i = 0; i < asks_.heads.size(); ++i) {
    if (!head_logits_[i].empty()) continue;
    HeadRows& head = round.work[static_cast<size_t>(stream_of(asks_.heads[i].stream).model)][head_at_[i]];
    if (head.fault) throw *head.fault;
    head_logits_[i] = std::move(head.logits);
    cost += head.cost;
  }
  return cost;
}

bool Rows::whole() const {
  for (size_t i = 0; i < asks_.rows.size(); ++i)
    if (asked_[i] < asks_.rows[i].tokens.size()) return false;
  return std::ranges::none_of(head_logits_, [](const auto& logits) { return logits.empty(); });
}

std::vector<Answer> Rows::answers() const {
  std::vector<Answer> answers;
  for (const Kept& kept : kept_)
    answers.push_back({kept.logits, kept.hidden, {kept.exits.begin(), kept.exits.end()}});
  for (const auto& logits : head_logits_) answers.push_back({logits});
  return answers;
}

std::span<const float> Rows::first_logits() const {
  if (asks_.rows.empty() || asks_.rows[0].stream != 0) return {};
  return kept_[0].logits;
}

int Rows::held(int model, int n_shared) const {
  std::map<int, int> longest;  // by stream
  for (const auto& [key, seq] : sequences_)
    if (stream_of(key.first).model == model)
      longest[key.first] = std::max(longest[key.first], engines_.of(model).length(seq));
  int held = 0;
  for (const auto& [stream, length] : longest) held += length - n_shared;
  return held;
}

std::unique_ptr<Rows> Rows::sample() const {
  auto out = std::make_unique<Rows>(engines_, streams_, cells_, routing_, reuse_);
  for (const auto& [key, seq] : sequences_) {
    Engine& engine = engine_of(key.first);
    out->sequences_[key] = engine.fork(seq, engine.length(seq));
  }
  return out;
}

void Rows::close(std::span<const int> tokens) {
  const bool keep = reuse_ && !branched_;
  for (const auto& [key, seq] : sequences_) {
    Engine& engine = engine_of(key.first);
    if (keep && !tokens.empty() && static_cast<size_t>(engine.length(seq)) <= tokens.size())
      engine.kept().keep(seq, kind_of(stream_of(key.first)), {tokens.begin(), tokens.end()});
    else
      engine.close(seq);
  }
  sequences_.clear();
  asks_ = {};
}

namespace {
struct NoFilter final : TokenFilter {
  void apply(std::span<float>) const override {}
};

bool reads_its_prompt(const Method& method, std::span<const int> tokens) {
  const auto one = method.clone();
  one->begin({1, {}});
  one->append(tokens);
  const Asks asks = one->ask(NoFilter());
  return std::ranges::any_of(asks.rows, [](const Ask& ask) { return ask.every; });
}
}  // namespace

Cost keep_beginning(Engines engines, const Method& method, std::span<const int> tokens) {
  Cost cost;
  if (tokens.empty() || reads_its_prompt(method, tokens)) return cost;
  for (const Stream& stream : method.streams()) {
    Engine& engine = engines.of(stream.model);
    if (engine.n_free() < static_cast<int>(tokens.size())) continue;
    stream.policy.choice().admit(static_cast<int64_t>(tokens.size()) - 1);
    const SeqId seq = engine.open(static_cast<int>(tokens.size()));
    RowGroup group{&stream.policy, {}, stream.shift.get()};
    for (const int token : tokens) group.rows.push_back({seq, token, Output::none});
    try {
      cost += engine.run({.batch = {&group, 1}}).cost;
    } catch (...) {
      engine.close(seq);
      throw;
    }
    engine.kept().keep(seq, kind_of(stream), {tokens.begin(), tokens.end()});
  }
  return cost;
}

}  // namespace rouse
