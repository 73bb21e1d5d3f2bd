#include "decoding/scoring.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace rouse {

/// Rows of logits that a batch may bring at once: 256 of them of a vocabulary of 150,000 are 150 MB.
static constexpr size_t kLogitRows = 256;

Scorer::Scorer(Engines engines, std::unique_ptr<Method> method, float score_alpha)
    : engines_(engines), method_(std::move(method)), alpha_(score_alpha) {
  require_option(alpha_ >= 0 && alpha_ <= 1, "score_alpha", " is ", alpha_, ", expected a number in [0, 1]");
  for (size_t s = 0; s < method_->streams().size(); ++s) trunk_.push_back(engine(s).open());
}

Scorer::~Scorer() {
  for (size_t s = 0; s < trunk_.size(); ++s) engine(s).close(trunk_[s]);
}

void Scorer::forget() {
  for (size_t s = 0; s < trunk_.size(); ++s) engine(s).trim(trunk_[s], 0);
  trunk_tokens_.clear();
}

size_t Scorer::add(Rows& rows, size_t s, SeqId seq, std::span<const int> tokens, Output each,
                   Output last) const {
  const auto model = static_cast<size_t>(stream(s).model);
  RowGroup group{&stream(s).policy, {}, stream(s).shift.get()};
  for (const int token : tokens) group.rows.push_back({seq, token, each});
  group.rows.back().output = last;
  const size_t first = rows.n_row[model];
  rows.n_row[model] += tokens.size();
  rows.batch[model].push_back(std::move(group));
  return first;
}

void Scorer::run(Rows& rows, const std::vector<int>& exits) {
  for (size_t i = 0; i < kModels; ++i) {
    if (rows.batch[i].empty()) continue;
    Engine& e = engines_.of(static_cast<int>(i));
    rows.results[i] = &e.run({rows.batch[i], {.exits = i == 0 ? exits : std::vector<int>{}}});
    cost_ += rows.results[i]->cost;
  }
}

double Scorer::sound(std::span<const Answer> answers, int token) const {
  const double out = method_->score(answers, token, alpha_);
  require(std::isfinite(out), "the log-probability of token ", token, " is ", out);
  return out;
}

void Scorer::score(const Rows& rows, std::span<const size_t> row, int token, int n_top, Scored& out,
                   size_t continuation) {
  std::vector<Answer> answers;
  for (size_t s = 0; s < trunk_.size(); ++s) {
    const StepResult& result = *rows.results[static_cast<size_t>(stream(s).model)];
    answers.push_back({result.logits(row[s]), result.hidden(row[s])});
  }
  const StepResult& first = *rows.results[static_cast<size_t>(stream(0).model)];
  std::vector<float> exits;  // [exit][n_embd]
  for (size_t i = 0; i < first.exits.size(); ++i) {
    const auto exit = first.exit(i, row[0]);
    exits.insert(exits.end(), exit.begin(), exit.end());
  }
  HeadRows head{.rows = exits, .norm = method_->norm_exits()};
  if (!exits.empty()) {
    engine(0).run_head({&head, 1});
    cost_ += head.cost;
    if (head.fault) throw *head.fault;
    answers.push_back({head.logits});
  }
  out.log_probs[continuation].push_back(sound(answers, token));
  if (n_top == 0) return;
  auto& top = out.top[continuation].emplace_back();
  for (const int other : method_->likeliest(answers, static_cast<size_t>(n_top)))
    top.emplace_back(other, sound(answers, other));
}

/// Throws Error unless every continuation fits the context by itself. A text's last token is never run.
void Scorer::check(const ScoreRequest& r) const {
  require(!r.prefix.empty(), "a text to score needs a prefix of at least one token");
  for (size_t s = 0; s < trunk_.size(); ++s)
    for (const auto& c : r.continuations) {
      require(!c.empty(), "a continuation is empty");
      const size_t n = r.prefix.size() + c.size() - 1, n_ctx = static_cast<size_t>(engine(s).n_ctx());
      require_room(n <= n_ctx, "n_ctx", "a text of ", n, " tokens does not fit the context of ", n_ctx);
    }
}

/// Cells beside the trunk that a part takes on each stream.
size_t Scorer::cells(const Part& part) const {
  size_t n = part.request->prefix.size() - trunk_tokens_.size();
  for (size_t c = part.first; c < part.first + part.n; ++c) n += part.request->continuations[c].size() - 1;
  return n;
}

/// Cells of each stream beside the trunk: as many as one text has, however many are there, so that batches
/// do not depend on what else the engine is for.
size_t Scorer::n_free() const {
  size_t out = SIZE_MAX;
  for (size_t s = 0; s < trunk_.size(); ++s) {
    size_t sharing = 0;
    for (const Stream& other : method_->streams()) sharing += other.model == stream(s).model;
    out = std::min({out, static_cast<size_t>(engine(s).n_free()) / sharing,
                    static_cast<size_t>(engine(s).n_ctx()) - trunk_tokens_.size()});
  }
  return out;
}

/// Sequences that any of the engines has.
size_t Scorer::n_sequence() const {
  int n = kMaxSequence;
  for (size_t s = 0; s < trunk_.size(); ++s) n = std::min(n, engine(s).n_sequence());
  return static_cast<size_t>(n);
}

/// Whether a part can run at once.
bool Scorer::fits(const Part& part) const {
  return cells(part) <= n_free() && (part.n + 1) * trunk_.size() <= n_sequence() / 2;
}

/// Makes the trunk what all prefixes have in common, but for their last token, whose row must have an output.
void Scorer::move_trunk(std::span<const Part> parts) {
  std::span<const int> common(parts[0].request->prefix);
  common = common.first(common.size() - 1);
  for (const Part& part : parts) {
    const std::vector<int>& prefix = part.request->prefix;
    const auto end = std::mismatch(common.begin(), common.end(), prefix.begin(), prefix.end() - 1).first;
    common = common.first(static_cast<size_t>(end - common.begin()));
  }
  auto kept = static_cast<size_t>(
      std::mismatch(common.begin(), common.end(), trunk_tokens_.begin(), trunk_tokens_.end()).first -
      common.begin());
  for (size_t s = 0; s < trunk_.size(); ++s)
    if (!engine(s).abilities().parts && kept < trunk_tokens_.size()) kept = 0;
  Rows rows;
  trunk_tokens_.resize(kept);
  for (size_t s = 0; s < trunk_.size(); ++s) {
    engine(s).trim(trunk_[s], static_cast<int>(kept));
    if (kept < common.size()) add(rows, s, trunk_[s], common.subspan(kept), Output::none, Output::none);
  }
  run(rows);
  trunk_tokens_.assign(common.begin(), common.end());
}

std::vector<Scored> Scorer::score(std::span<const ScoreRequest> requests) {
  std::vector<Scored> out(requests.size());
  std::vector<Part> parts;
  for (size_t r = 0; r < requests.size(); ++r) {
    out[r].log_probs.resize(requests[r].continuations.size());
    if (requests[r].n_top > 0) out[r].top.resize(requests[r].continuations.size());
    try {
      check(requests[r]);
      parts.push_back({&requests[r], 0, requests[r].continuations.size(), &out[r]});
    } catch (const Error& e) {
      out[r].error = e;
    }
  }
  // Whole requests together while cells, logits and sequences last; one that is too large comes alone.
  for (std::span<const Part> left = parts; !left.empty();) {
    move_trunk(left);
    while (!left.empty() && fits(left[0])) {
      size_t n = 0, n_cell = 0, n_logits = 0, n_branch = 0;
      for (; n < left.size() && fits(left[n]); ++n) {
        const size_t more = cells(left[n]), branches = (left[n].n + 1) * trunk_.size();
        const size_t logits = more - (left[n].request->prefix.size() - trunk_tokens_.size());
        if (n > 0 && (n_cell + more > n_free() || n_logits + logits > kLogitRows ||
                      n_branch + branches > n_sequence() / 2))
          break;
        n_cell += more, n_logits += logits, n_branch += branches;
      }
      score_together(left.first(n));
      left = left.subspan(n);
    }
    if (left.empty()) break;
    score_in_groups(left[0]);
    left = left.subspan(1);
  }
  for (Scored& s : out)
    if (s.error) s.log_probs.clear(), s.top.clear();
  return out;
}

/// A request whose continuations do not fit beside each other: its prefix is the trunk of all groups.
void Scorer::score_in_groups(Part whole) {
  move_trunk({&whole, 1});
  const size_t end = whole.first + whole.n;
  for (Part group = whole; group.first < end && !whole.out->error; group.first += group.n) {
    group.n = 1;
    if (!fits(group)) {
      whole.out->error =
          Error(cat("a text of ", trunk_tokens_.size() + cells(group), " tokens does not fit the ",
                    trunk_tokens_.size() + n_free(), " cells of the context"),
                ErrorKind::no_room, "n_ctx");
      return;
    }
    while (group.first + group.n < end) {
      ++group.n;
      if (fits(group)) continue;
      --group.n;
      break;
    }
    score_together({&group, 1});
  }
}

/// Sequences and rows of parts that run together.
struct Scorer::Pass {
  explicit Pass(const Scorer& s) : scorer(s) {}
  ~Pass() {
    for (const auto& [s, seq] : opened) scorer.engine(s).close(seq);
  }
  const Scorer& scorer;
  std::vector<std::pair<size_t, SeqId>> opened;  ///< stream, sequence
  std::vector<std::vector<SeqId>> prefixes;      ///< [part][stream]
};

SeqId Scorer::fork(Pass& pass, size_t s, SeqId from, size_t n) const {
  pass.opened.emplace_back(s, engine(s).fork(from, static_cast<int>(n)));
  return pass.opened.back().second;
}

/// What goes wrong with a text's numbers is its own affair; a method that cannot score at all ends the run.
template <class Work>
static void guard(Scored& out, Work&& work) {
  try {
    if (!out.error) work();
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::usage) throw;
    out.error = e;
  }
}

void Scorer::score_together(std::span<const Part> parts) {
  Pass pass(*this);
  score_first_tokens(pass, parts);
  score_later_tokens(pass, parts);
}

/// Prefixes: the logits of their last rows score every first token.
void Scorer::score_first_tokens(Pass& pass, std::span<const Part> parts) {
  std::vector<std::vector<size_t>> last(parts.size());  // [part][stream]: row
  pass.prefixes.resize(parts.size());
  Rows rows;
  for (size_t p = 0; p < parts.size(); ++p)
    for (size_t s = 0; s < trunk_.size(); ++s) {
      pass.prefixes[p].push_back(fork(pass, s, trunk_[s], trunk_tokens_.size()));
      const auto tokens = std::span(parts[p].request->prefix).subspan(trunk_tokens_.size());
      last[p].push_back(add(rows, s, pass.prefixes[p][s], tokens, Output::none, Output::logits) +
                        tokens.size() - 1);
    }
  run(rows, method_->score_exits());
  for (size_t p = 0; p < parts.size(); ++p)
    guard(*parts[p].out, [&] {
      for (size_t c = parts[p].first; c < parts[p].first + parts[p].n; ++c)
        score(rows, last[p], parts[p].request->continuations[c][0], parts[p].request->n_top, *parts[p].out,
              c);
    });
}

/// Continuations: the row of each token but the last scores the one after it.
void Scorer::score_later_tokens(Pass& pass, std::span<const Part> parts) {
  struct Leaf {
    const Part* part;
    size_t continuation;
    std::vector<size_t> rows;  // [stream]: its first
  };
  std::vector<Leaf> leaves;
  Rows rows;
  for (size_t p = 0; p < parts.size(); ++p)
    for (size_t c = parts[p].first; c < parts[p].first + parts[p].n; ++c) {
      const std::span<const int> tokens(parts[p].request->continuations[c]);
      if (tokens.size() < 2) continue;
      leaves.push_back({&parts[p], c, {}});
      for (size_t s = 0; s < trunk_.size(); ++s) {
        const SeqId seq = fork(pass, s, pass.prefixes[p][s], parts[p].request->prefix.size());
        leaves.back().rows.push_back(
            add(rows, s, seq, tokens.first(tokens.size() - 1), Output::logits, Output::logits));
      }
    }
  run(rows, method_->score_exits());
  for (Leaf& leaf : leaves)
    guard(*leaf.part->out, [&] {
      const std::vector<int>& tokens = leaf.part->request->continuations[leaf.continuation];
      for (size_t t = 1; t < tokens.size(); ++t) {
        score(rows, leaf.rows, tokens[t], leaf.part->request->n_top, *leaf.part->out, leaf.continuation);
        for (size_t& row : leaf.rows) ++row;
      }
    });
}

}  // namespace rouse
