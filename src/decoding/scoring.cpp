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
  std::array<Batch, kModels> batch;
  for (size_t s = 0; s < trunk_.size(); ++s) {
    const Stream& stream = method_->streams()[s];
    engine(s).trim(trunk_[s], static_cast<int>(kept));
    if (kept == common.size()) continue;
    RowGroup group{&stream.policy, {}, stream.shift.get()};
    for (const int token : common.subspan(kept)) group.rows.push_back({trunk_[s], token, Output::none});
    batch[static_cast<size_t>(stream.model)].push_back(std::move(group));
  }
  for (size_t i = 0; i < kModels; ++i)
    if (!batch[i].empty()) cost_ += engines_.of(static_cast<int>(i)).run(batch[i]).cost;
  trunk_tokens_.assign(common.begin(), common.end());
}

struct Scorer::Leaf {
  size_t request, continuation;
  std::vector<size_t> rows;  ///< [stream]: where its rows begin in its model's batch
};

std::vector<std::vector<std::vector<double>>> Scorer::score(std::span<const ScoreRequest> requests) {
  std::vector<std::vector<std::vector<double>>> out;
  for (const ScoreRequest& r : requests) {
    require_usage(!r.prefix.empty(), "a text to score needs a prefix of at least one token");
    out.emplace_back(r.continuations.size());
  }
  if (requests.empty()) return out;
  move_trunk(requests);
  // Requests in pieces that fit the cells and the room for logits.
  for (size_t first = 0; first < requests.size();) {
    size_t n = 0, rows = 0, free = SIZE_MAX, sequences = 0;
    for (size_t s = 0; s < trunk_.size(); ++s) {
      size_t sharing = 0;
      for (const Stream& other : method_->streams()) sharing += other.model == method_->streams()[s].model;
      free = std::min(free, static_cast<size_t>(engine(s).n_free()) / sharing);
    }
    while (first + n < requests.size()) {
      const ScoreRequest& r = requests[first + n];
      const size_t more = cells(r);
      require_usage(more <= free, "a text of ", more + trunk_tokens_.size(),
                    " tokens with its continuations does not fit the context; raise -c");
      const size_t branches = (r.continuations.size() + 1) * trunk_.size();
      if (n > 0 && (rows + more > std::min(free, kLogitRows) || sequences + branches > kMaxSequence / 2))
        break;
      rows += more, sequences += branches, ++n;
    }
    std::vector<std::vector<std::vector<double>>> some;
    for (size_t i = 0; i < n; ++i) some.emplace_back(requests[first + i].continuations.size());
    run(requests.subspan(first, n), some);
    std::move(some.begin(), some.end(), out.begin() + static_cast<std::ptrdiff_t>(first));
    first += n;
  }
  return out;
}

void Scorer::run(std::span<const ScoreRequest> requests, std::vector<std::vector<std::vector<double>>>& out) {
  const size_t n_stream = trunk_.size();
  const std::vector<int> exits = method_->score_exits();
  const auto run_batches = [&](std::array<Batch, kModels>& batch) {
    std::array<const StepResult*, kModels> results{};
    for (size_t i = 0; i < kModels; ++i) {
      if (batch[i].empty()) continue;
      Engine& e = engines_.of(static_cast<int>(i));
      e.taps.exits = i == 0 ? exits : std::vector<int>{};
      results[i] = &e.run(batch[i]);
      e.taps.exits.clear();
      cost_ += results[i]->cost;
    }
    return results;
  };
  const auto answer = [&](const StepResult& result, size_t row, size_t stream) {
    Head& head = engine(stream).head();
    Answer a{result.logits(row), result.hidden(row), {}, {}, {}};
    for (size_t i = 0; i < result.exits.size(); ++i) a.exits.push_back(result.exit(i, row));
    a.head = [&head](std::span<const float> rows, std::span<const int> tokens, std::span<float> to) {
      head.logits(rows, tokens, to);
    };
    a.final_norm = [&head](std::span<float> rows) { head.norm(rows); };
    return a;
  };

  // Prefixes: the logits of their last rows score every first token.
  std::vector<std::vector<SeqId>> prefixes(requests.size());  // [request][stream]
  std::vector<std::vector<size_t>> last(requests.size());     // row of each
  std::array<Batch, kModels> batch;
  std::array<size_t, kModels> n_row{};
  for (size_t r = 0; r < requests.size(); ++r)
    for (size_t s = 0; s < n_stream; ++s) {
      const Stream& stream = method_->streams()[s];
      const auto model = static_cast<size_t>(stream.model);
      prefixes[r].push_back(engine(s).fork(trunk_[s], static_cast<int>(trunk_tokens_.size())));
      RowGroup group{&stream.policy, {}, stream.shift.get()};
      for (size_t t = trunk_tokens_.size(); t < requests[r].prefix.size(); ++t)
        group.rows.push_back({prefixes[r][s], requests[r].prefix[t], Output::none});
      group.rows.back().output = Output::logits;
      n_row[model] += group.rows.size();
      last[r].push_back(n_row[model] - 1);
      batch[model].push_back(std::move(group));
    }
  auto results = run_batches(batch);
  std::vector<Answer> rows(n_stream);
  for (size_t r = 0; r < requests.size(); ++r) {
    for (size_t s = 0; s < n_stream; ++s)
      rows[s] = answer(*results[static_cast<size_t>(method_->streams()[s].model)], last[r][s], s);
    for (size_t c = 0; c < requests[r].continuations.size(); ++c)
      if (!requests[r].continuations[c].empty())
        out[r][c].push_back(method_->score(rows, requests[r].continuations[c][0], alpha_));
  }

  // Continuations: the row of each token but the last scores the one after it.
  std::vector<Leaf> leaves;
  std::vector<std::pair<size_t, SeqId>> branches;  // stream, sequence
  batch = {}, n_row = {};
  for (size_t r = 0; r < requests.size(); ++r)
    for (size_t c = 0; c < requests[r].continuations.size(); ++c) {
      const std::vector<int>& tokens = requests[r].continuations[c];
      if (tokens.size() < 2) continue;
      Leaf leaf{r, c, {}};
      for (size_t s = 0; s < n_stream; ++s) {
        const Stream& stream = method_->streams()[s];
        const auto model = static_cast<size_t>(stream.model);
        const SeqId seq = engine(s).fork(prefixes[r][s], static_cast<int>(requests[r].prefix.size()));
        branches.emplace_back(s, seq);
        RowGroup group{&stream.policy, {}, stream.shift.get()};
        for (size_t t = 0; t + 1 < tokens.size(); ++t) group.rows.push_back({seq, tokens[t], Output::logits});
        leaf.rows.push_back(n_row[model]);
        n_row[model] += group.rows.size();
        batch[model].push_back(std::move(group));
      }
      leaves.push_back(std::move(leaf));
    }
  results = run_batches(batch);
  for (const Leaf& leaf : leaves) {
    const std::vector<int>& tokens = requests[leaf.request].continuations[leaf.continuation];
    for (size_t t = 1; t < tokens.size(); ++t) {
      for (size_t s = 0; s < n_stream; ++s)
        rows[s] = answer(*results[static_cast<size_t>(method_->streams()[s].model)], leaf.rows[s] + t - 1, s);
      out[leaf.request][leaf.continuation].push_back(method_->score(rows, tokens[t], alpha_));
    }
  }
  for (const auto& [s, seq] : branches) engine(s).close(seq);
  for (const auto& some : prefixes)
    for (size_t s = 0; s < n_stream; ++s) engine(s).close(some[s]);
}

}  // namespace rouse
