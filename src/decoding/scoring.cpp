#include "decoding/scoring.h"

#include <algorithm>

#include "base/error.h"

namespace rouse {

/// Rows of logits that a batch may bring at once: 256 of them of a vocabulary of 150,000 are 150 MB.
static constexpr size_t kLogitRows = 256;

Scorer::Scorer(Engines engines, std::unique_ptr<Method> method, float score_alpha)
    : engines_(engines), method_(std::move(method)), alpha_(score_alpha) {
  require_usage(alpha_ >= 0 && alpha_ <= 1, "--score-alpha is ", alpha_, ", expected a number in [0, 1]");
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

double Scorer::score(const Rows& rows, std::span<const size_t> row, int token) const {
  std::vector<Answer> answers;
  for (size_t s = 0; s < trunk_.size(); ++s) {
    const StepResult& result = *rows.results[static_cast<size_t>(stream(s).model)];
    answers.push_back(answer_of(engine(s).head(), result.logits(row[s]), result.hidden(row[s])));
    for (size_t i = 0; i < result.exits.size(); ++i) answers.back().exits.push_back(result.exit(i, row[s]));
  }
  return method_->score(answers, token, alpha_);
}

/// Cells beside the trunk that a request takes on each stream.
size_t Scorer::cells(const ScoreRequest& r) const {
  size_t n = r.prefix.size() - trunk_tokens_.size();
  for (const auto& c : r.continuations) n += c.size();
  return n;
}

/// Makes the trunk what all prefixes have in common, but for their last token, whose row must have an output.
void Scorer::move_trunk(std::span<const ScoreRequest> requests) {
  std::span<const int> common(requests[0].prefix);
  common = common.first(common.size() - 1);
  for (const ScoreRequest& r : requests) {
    const auto end = std::mismatch(common.begin(), common.end(), r.prefix.begin(), r.prefix.end() - 1).first;
    common = common.first(static_cast<size_t>(end - common.begin()));
  }
  const auto kept = static_cast<size_t>(
      std::mismatch(common.begin(), common.end(), trunk_tokens_.begin(), trunk_tokens_.end()).first -
      common.begin());
  Rows rows;
  for (size_t s = 0; s < trunk_.size(); ++s) {
    engine(s).trim(trunk_[s], static_cast<int>(kept));
    if (kept < common.size()) add(rows, s, trunk_[s], common.subspan(kept), Output::none, Output::none);
  }
  run(rows);
  trunk_tokens_.assign(common.begin(), common.end());
}

LogProbs Scorer::score(std::span<const ScoreRequest> requests) {
  LogProbs out;
  for (const ScoreRequest& r : requests) {
    require_usage(!r.prefix.empty(), "a text to score needs a prefix of at least one token");
    out.emplace_back(r.continuations.size());
  }
  if (requests.empty()) return out;
  move_trunk(requests);
  // Requests in pieces that fit the cells and the room for logits.
  size_t free = SIZE_MAX;
  for (size_t s = 0; s < trunk_.size(); ++s) {
    size_t sharing = 0;
    for (const Stream& other : method_->streams()) sharing += other.model == stream(s).model;
    free = std::min(free, static_cast<size_t>(engine(s).n_free()) / sharing);
  }
  for (size_t first = 0; first < requests.size();) {
    size_t n = 0, n_cell = 0, n_logits = 0, sequences = 0;
    for (; first + n < requests.size(); ++n) {
      const ScoreRequest& r = requests[first + n];
      const size_t more = cells(r), branches = (r.continuations.size() + 1) * trunk_.size();
      const size_t logits = more - (r.prefix.size() - trunk_tokens_.size());  // rows of the continuations
      require_usage(more <= free, "a text of ", more + trunk_tokens_.size(),
                    " tokens with its continuations does not fit the context; raise -c");
      if (n > 0 &&
          (n_cell + more > free || n_logits + logits > kLogitRows || sequences + branches > kMaxSequence / 2))
        break;
      n_cell += more, n_logits += logits, sequences += branches;
    }
    score_some(requests.subspan(first, n), std::span(out).subspan(first, n));
    first += n;
  }
  return out;
}

void Scorer::score_some(std::span<const ScoreRequest> requests,
                        std::span<std::vector<std::vector<double>>> out) {
  const size_t n_stream = trunk_.size();
  std::vector<std::pair<size_t, SeqId>> opened;  // stream, sequence
  const auto fork = [&](size_t s, SeqId seq, size_t n) {
    opened.emplace_back(s, engine(s).fork(seq, static_cast<int>(n)));
    return opened.back().second;
  };

  // Prefixes: the logits of their last rows score every first token.
  std::vector<std::vector<SeqId>> prefixes(requests.size());  // [request][stream]
  std::vector<std::vector<size_t>> last(requests.size());     // row of each
  Rows rows;
  for (size_t r = 0; r < requests.size(); ++r)
    for (size_t s = 0; s < n_stream; ++s) {
      prefixes[r].push_back(fork(s, trunk_[s], trunk_tokens_.size()));
      const auto tokens = std::span(requests[r].prefix).subspan(trunk_tokens_.size());
      last[r].push_back(add(rows, s, prefixes[r][s], tokens, Output::none, Output::logits) + tokens.size() -
                        1);
    }
  run(rows, method_->score_exits());
  for (size_t r = 0; r < requests.size(); ++r)
    for (size_t c = 0; c < requests[r].continuations.size(); ++c)
      if (!requests[r].continuations[c].empty())
        out[r][c].push_back(score(rows, last[r], requests[r].continuations[c][0]));

  // Continuations: the row of each token but the last scores the one after it.
  struct Leaf {
    size_t request, continuation;
    std::vector<size_t> rows;  // [stream]: its first
  };
  std::vector<Leaf> leaves;
  rows = {};
  for (size_t r = 0; r < requests.size(); ++r)
    for (size_t c = 0; c < requests[r].continuations.size(); ++c) {
      const std::span<const int> tokens(requests[r].continuations[c]);
      if (tokens.size() < 2) continue;
      leaves.push_back({r, c, {}});
      for (size_t s = 0; s < n_stream; ++s) {
        const SeqId seq = fork(s, prefixes[r][s], requests[r].prefix.size());
        leaves.back().rows.push_back(
            add(rows, s, seq, tokens.first(tokens.size() - 1), Output::logits, Output::logits));
      }
    }
  run(rows, method_->score_exits());
  for (Leaf& leaf : leaves) {
    const std::vector<int>& tokens = requests[leaf.request].continuations[leaf.continuation];
    for (size_t t = 1; t < tokens.size(); ++t) {
      out[leaf.request][leaf.continuation].push_back(score(rows, leaf.rows, tokens[t]));
      for (size_t& row : leaf.rows) ++row;
    }
  }
  for (const auto& [s, seq] : opened) engine(s).close(seq);
}

}  // namespace rouse
