/// decoding/contrastive_search.cpp - contrastive search (arXiv:2202.06417): of the k most probable tokens the
/// one with the largest (1 - alpha) p(v) - alpha max_j cos(h_v, h_j), h_j the last hidden rows of the
/// context.
///
/// h_v takes a step with each candidate: k rows in one batch that share the context's cells. The chosen
/// candidate's row is already part of the text then, and its logits choose the next candidates, so a token
/// costs one round of k rows.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/statistics.h"
#include "decoding/contrast.h"
#include "decoding/methods.h"

namespace rouse {
namespace {

void normalise(std::span<float> row) {
  double squares = 0;
  for (const float x : row) squares += static_cast<double>(x) * x;
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (float& x : row) x *= scale;
}

class ContrastiveSearch final : public Method {
 public:
  ContrastiveSearch(const MethodOptions& o, const MethodModels& models)
      : alpha_(o.penalty_alpha), k_(o.candidates), n_embd_(static_cast<size_t>(models.spec.n_embd)) {
    require_option(alpha_ >= 0 && alpha_ <= 1, "penalty_alpha", " is ", alpha_,
                   ", expected a number in [0, 1]");
    require_option(k_ >= 1 && k_ <= 64, "candidates", " is ", k_, ", expected 1 to 64");
    streams_.push_back(main_stream(o, models));
  }
  const std::vector<Stream>& streams() const override { return streams_; }

  void append(std::span<const int> tokens) override {
    if (!started_) {
      prompt_.assign(tokens.begin(), tokens.end());
      return;
    }
    const auto chosen = std::find(candidates_.begin(), candidates_.end(), tokens[0]);
    require(chosen != candidates_.end(), "contrastive search was given a token that is not a candidate");
    const auto i = static_cast<size_t>(chosen - candidates_.begin());
    context_branch_ = first_branch_ + static_cast<int>(i);
    logits_ = candidate_logits_[i];
    const auto row = std::span(candidate_rows_).subspan(i * n_embd_, n_embd_);
    context_.insert(context_.end(), row.begin(), row.end());
  }

  Asks ask(const TokenFilter& filter) override {
    if (!started_)
      return {{{.stream = 0, .tokens = prompt_, .output = Output::logits, .prompt = true, .every = true}}};
    filter.apply(logits_);
    softmax(logits_);
    candidates_ = best_tokens(logits_, static_cast<size_t>(k_));
    first_branch_ += k_;
    std::vector<Ask> asks;
    for (size_t i = 0; i < candidates_.size(); ++i)
      asks.push_back({.stream = 0,
                      .tokens = {candidates_[i]},
                      .output = Output::logits,
                      .branch = first_branch_ + static_cast<int>(i),
                      .from = context_branch_});
    return {asks};
  }

  bool answer(std::span<const Answer> answers, const TokenFilter&, std::vector<float>& scores) override {
    if (!started_) {
      started_ = true;
      logits_.assign(answers[0].logits.begin(), answers[0].logits.end());
      context_.assign(answers[0].hidden.begin(), answers[0].hidden.end());
      for (size_t at = 0; at < context_.size(); at += n_embd_)
        normalise(std::span(context_).subspan(at, n_embd_));
      return false;
    }
    scores.assign(logits_.size(), -INFINITY);
    candidate_logits_.clear();
    candidate_rows_.clear();
    for (size_t i = 0; i < candidates_.size(); ++i) {
      candidate_logits_.emplace_back(answers[i].logits.begin(), answers[i].logits.end());
      candidate_rows_.insert(candidate_rows_.end(), answers[i].hidden.begin(), answers[i].hidden.end());
      const auto row = std::span(candidate_rows_).last(n_embd_);
      normalise(row);
      const auto token = static_cast<size_t>(candidates_[i]);
      scores[token] = (1 - alpha_) * logits_[token] - alpha_ * largest_cosine(row);
    }
    return true;
  }

  std::unique_ptr<Method> clone() const override { return std::make_unique<ContrastiveSearch>(*this); }
  Room room(int model, int n_prompt, int n_predict) const override {
    Room room = Method::room(model, n_prompt, n_predict);
    if (model == 0) room.branches = 2 * k_, room.cells += k_;
    return room;
  }

 private:
  float largest_cosine(std::span<const float> row) const {
    float largest = -1;
    for (size_t at = 0; at < context_.size(); at += n_embd_) {
      float dot = 0;
      for (size_t c = 0; c < n_embd_; ++c) dot += context_[at + c] * row[c];
      largest = std::max(largest, dot);
    }
    return largest;
  }

  float alpha_;
  int k_;
  size_t n_embd_;
  std::vector<Stream> streams_;
  std::vector<int> prompt_, candidates_;
  bool started_ = false;
  int context_branch_ = 0, first_branch_ = 1;  ///< the context's; the first candidate's, after 0, the prompt
  std::vector<float>
      logits_;  ///< of the context's last row; probabilities once candidates are drawn from them
  std::vector<float> context_;  ///< row-major [n][n_embd], of length 1 each
  std::vector<std::vector<float>> candidate_logits_;
  std::vector<float> candidate_rows_;
};

}  // namespace

std::unique_ptr<Method> contrastive_search(const MethodOptions& options, const MethodModels& models) {
  models.abilities.need(models.abilities.hidden, "contrastive", "hidden rows");
  return std::make_unique<ContrastiveSearch>(options, models);
}

}  // namespace rouse
