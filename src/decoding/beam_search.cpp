/// decoding/beam_search.cpp - beam search: N hypotheses, each a branch of the KV cache, all in one batch a
/// step.
///
/// A step extends every hypothesis by every token and keeps the N best sums of log-probs that do not end; of
/// the 2N best, those that end among the first N are finished texts with score sum / length^penalty. The
/// search ends with N finished texts when no hypothesis could still beat the worst of them at its present
/// length (transformers' early_stopping=False). The best text is then handed out token by token.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/statistics.h"
#include "decoding/contrast.h"
#include "decoding/methods.h"

namespace rouse {
namespace {

struct Hypothesis {
  std::vector<int> tokens;
  double log_prob = 0;
  double score = 0;  ///< of a finished one
  int branch = 0;
};

class BeamSearch final : public Method {
 public:
  BeamSearch(const MethodOptions& o, const MethodModels& models) : n_(o.beams), penalty_(o.length_penalty) {
    require_option(n_ >= 1 && n_ <= 64, "beams", " is ", n_, ", expected 1 to 64");
    require_option(std::abs(penalty_) <= 20, "length_penalty", " is ", penalty_,
                   ", expected a number in [-20, 20]");  // a text's length to this power stays a number
    streams_.push_back(main_stream(o, models));
  }
  const std::vector<Stream>& streams() const override { return streams_; }
  void append(std::span<const int> tokens) override {
    if (live_.empty() && !found_) prompt_.assign(tokens.begin(), tokens.end());
  }

  Asks ask(const TokenFilter&) override {
    if (found_) return {};
    if (live_.empty()) return {{{.stream = 0, .tokens = prompt_, .output = Output::logits, .prompt = true}}};
    std::vector<Ask> asks;
    for (Hypothesis& h : live_) {
      asks.push_back({.stream = 0,
                      .tokens = {h.tokens.back()},
                      .output = Output::logits,
                      .branch = ++last_branch_,
                      .from = h.branch});
      h.branch = last_branch_;
    }
    return {asks};
  }

  bool answer(std::span<const Answer> answers, const TokenFilter& filter,
              std::vector<float>& scores) override {
    if (!found_) {
      if (live_.empty()) live_.emplace_back();
      n_vocab_ = answers[0].logits.size();
      extend(answers, filter);
      if (!finished()) return false;
      require(!done_.empty(), "beam search: no token may come next");
      found_ = true;
      best_ = done_.front().tokens;
    }
    scores.assign(n_vocab_, -INFINITY);
    scores[static_cast<size_t>(best_[at_++])] = 0;
    return true;
  }

  std::unique_ptr<Method> clone() const override { return std::make_unique<BeamSearch>(*this); }
  Room room(int model, int n_prompt, int n_predict) const override {
    Room room = Method::room(model, n_prompt, 0);
    if (model == 0) room.branches = 2 * n_, room.cells += n_ * (n_predict + 1);
    return room;
  }

 private:
  void extend(std::span<const Answer> answers, const TokenFilter& filter) {
    struct Step {
      double log_prob;
      size_t from;
      int token;
    };
    std::vector<Step> steps;
    for (size_t i = 0; i < live_.size(); ++i) {
      std::vector<float> p(answers[i].logits.begin(), answers[i].logits.end());
      filter.apply(p);
      log_softmax(p);
      for (const int token : best_tokens(p, static_cast<size_t>(2 * n_)))
        steps.push_back({live_[i].log_prob + p[static_cast<size_t>(token)], i, token});
    }
    std::stable_sort(steps.begin(), steps.end(),
                     [](const Step& a, const Step& b) { return a.log_prob > b.log_prob; });
    steps.resize(std::min(steps.size(), static_cast<size_t>(2 * n_)));
    std::vector<Hypothesis> next;
    for (size_t rank = 0; rank < steps.size() && next.size() < static_cast<size_t>(n_); ++rank) {
      Hypothesis h = live_[steps[rank].from];
      h.tokens.push_back(steps[rank].token);
      h.log_prob = steps[rank].log_prob;
      const bool ends = std::count(limits_.end_tokens.begin(), limits_.end_tokens.end(), h.tokens.back()) > 0;
      if (!ends)
        next.push_back(std::move(h));
      else if (rank < static_cast<size_t>(n_))
        finish(std::move(h));
    }
    live_ = std::move(next);
    const bool full = !live_.empty() && static_cast<int>(live_[0].tokens.size()) >= limits_.n_predict;
    if (full || live_.empty()) {
      for (Hypothesis& h : live_) finish(std::move(h));
      live_.clear();
    }
  }

  double score_of(const Hypothesis& h) const {
    return h.log_prob / std::pow(static_cast<double>(h.tokens.size()), penalty_);
  }

  void finish(Hypothesis h) {
    h.score = score_of(h);
    done_.push_back(std::move(h));
    std::stable_sort(done_.begin(), done_.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
    done_.resize(std::min(done_.size(), static_cast<size_t>(n_)));
  }

  bool finished() const {
    if (live_.empty()) return true;
    if (done_.size() < static_cast<size_t>(n_)) return false;
    return done_.back().score >= score_of(live_[0]);
  }

  int n_;
  double penalty_;
  std::vector<Stream> streams_;
  std::vector<int> prompt_, best_;
  std::vector<Hypothesis> live_, done_;  ///< best first
  bool found_ = false;
  int last_branch_ = 0;
  size_t n_vocab_ = 0, at_ = 0;
};

}  // namespace

std::unique_ptr<Method> beam_search(const MethodOptions& options, const MethodModels& models) {
  return std::make_unique<BeamSearch>(options, models);
}

}  // namespace rouse
