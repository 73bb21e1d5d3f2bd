/// decoding/dola.cpp - DoLa (arXiv:2309.03883): the mature logits against those of an early layer.
///
/// Of the candidate layers, the one whose distribution Q differs most from the mature P by
/// D = (KL(M || P) + KL(M || Q)) / 2, M = (P + Q) / 2: the direction of the published code and of
/// transformers. z = log softmax(mature) - log softmax(premature) on the tokens of at least `relative_top`
/// times the best one's probability. Premature logits are the head of that layer's rows, without the final
/// norm unless asked for. They are computed only where more than one token is kept.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"
#include "decoding/contrast.h"
#include "decoding/methods.h"

namespace rouse {
namespace {

/// Candidates as numbers of blocks passed; 0 is the embeddings, which tied heads turn into the token itself.
std::vector<int> candidate_layers(const std::string& text, const ModelSpec& spec) {
  const int n = spec.n_layer;
  std::vector<int> out;
  const auto range = [&](int begin, int end) {
    for (int i = begin; i < end; i += 2) out.push_back(i);
  };
  if (text == "low") {
    const int start = !spec.tied_head ? 0 : n > 2 ? 2 : n == 2 ? 1 : 0;
    if (start == n / 2) return {start};
    range(start, n <= 40 ? n / 2 : 20);
  } else if (text == "high") {
    range(n <= 40 ? n / 2 : n - 20, n);
  } else {
    for (const std::string& part : split(text, ',')) {
      const auto layer = parse_int(trim(part));
      require_option(layer && *layer >= 0 && *layer < n, "dola_layers", ": \"", part,
                     "\" is not low, high or a list of layers in 0..", n - 1);
      out.push_back(static_cast<int>(*layer));
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  }
  return out;
}

/// D of the mature and a premature distribution, both given as log-probs. Summed in double.
double divergence(std::span<const float> mature, std::span<const float> premature) {
  double sum = 0;
  for (size_t v = 0; v < mature.size(); ++v) {
    const double p = std::exp(static_cast<double>(mature[v])),
                 q = std::exp(static_cast<double>(premature[v]));
    const double m = (p + q) / 2;
    if (m > 0) sum += m * (2 * std::log(m) - mature[v] - premature[v]);
  }
  return sum / 2;
}

class Dola final : public Method {
 public:
  Dola(const MethodOptions& o, const MethodModels& models)
      : options_(o), n_vocab_(static_cast<size_t>(models.spec.n_vocab)), simulated_(o.simulate_weak_needed) {
    require_option(o.relative_top >= 0 && o.relative_top <= 1, "relative_top", " is ", o.relative_top,
                   ", expected a number in [0, 1]");
    require_option(o.dola_variant == "transformers" || o.dola_variant == "scmoe", "dola_variant", " is \"",
                   o.dola_variant, "\", expected transformers or scmoe");
    layers_ = candidate_layers(o.dola_layers, models.spec);
    require_option(!layers_.empty(), "dola_layers", " ", o.dola_layers, " leaves no layer of ",
                   models.spec.n_layer);
    streams_.push_back(main_stream(o, models));
  }
  const std::vector<Stream>& streams() const override { return streams_; }
  void append(std::span<const int> tokens) override { pending_.assign(tokens.begin(), tokens.end()); }
  /// The row, and then, where more than one token is kept, the head for its exits.
  Asks ask(const TokenFilter&) override {
    if (!exits_.empty())
      return {{}, {{.stream = 0, .rows = std::exchange(exits_, {}), .norm = options_.final_norm != 0}}};
    const bool prompt = !started_;
    started_ = true;
    return {{{.stream = 0,
              .tokens = std::move(pending_),
              .output = Output::logits,
              .prompt = prompt,
              .exits = layers_}}};
  }

  bool answer(std::span<const Answer> answers, const TokenFilter& filter,
              std::vector<float>& scores) override {
    scores.assign(n_vocab_, -INFINITY);
    if (!kept_.empty()) {
      const std::vector<float> premature = premature_of(answers[0].logits, mature_);
      for (const int token : std::exchange(kept_, {}))
        scores[static_cast<size_t>(token)] =
            mature_[static_cast<size_t>(token)] - premature[static_cast<size_t>(token)];
      return true;
    }
    std::vector<float> allowed(answers[0].logits.begin(), answers[0].logits.end());
    filter.apply(allowed);
    std::vector<int> kept = plausible_tokens(allowed, options_.relative_top);
    if (simulated_.on()) kept = best_tokens(allowed, simulated_.next() ? 10 : 1);
    if (kept.size() <= 1) {
      for (const int token : kept) scores[static_cast<size_t>(token)] = 0;
      return true;
    }
    kept_ = std::move(kept);
    mature_.assign(answers[0].logits.begin(), answers[0].logits.end());
    log_softmax(mature_);
    for (const auto& exit : answers[0].exits) exits_.insert(exits_.end(), exit.begin(), exit.end());
    return false;
  }

  std::unique_ptr<Method> clone() const override { return std::make_unique<Dola>(*this); }
  void adjust(SamplingOptions& s) const override {
    if (options_.dola_variant != "scmoe") return;
    if (s.repeat_penalty == 1.0f) s.repeat_penalty = 1.2f;
    s.repeat_last_n = -1;
  }
  std::vector<int> score_exits() const override { return layers_; }
  bool norm_exits() const override { return options_.final_norm != 0; }
  double score(std::span<const Answer> rows, int token, float alpha) const override {
    if (alpha > 0 && !plausible(rows[0].logits, token, alpha)) return kMasked;
    std::vector<float> mature(rows[0].logits.begin(), rows[0].logits.end());
    log_softmax(mature);
    return static_cast<double>(mature[static_cast<size_t>(token)]) -
           premature_of(rows[1].logits, mature)[static_cast<size_t>(token)];
  }
  std::vector<int> likeliest(std::span<const Answer> rows, size_t n) const override {
    std::vector<float> mature(rows[0].logits.begin(), rows[0].logits.end());
    log_softmax(mature);
    const std::vector<float> premature = premature_of(rows[1].logits, mature);
    for (size_t v = 0; v < mature.size(); ++v) mature[v] -= premature[v];
    return best_tokens(mature, n);
  }

 private:
  /// Log-probs of the chosen premature layer. logits: of all, row-major [layer][n_vocab]; mature: log-probs.
  std::vector<float> premature_of(std::span<const float> logits, std::span<const float> mature) const {
    std::vector<float> all(logits.begin(), logits.end());
    size_t best = 0;
    double most = -1;
    for (size_t i = 0; i < layers_.size(); ++i) {
      const auto premature = std::span(all).subspan(i * n_vocab_, n_vocab_);
      log_softmax(premature);
      if (layers_.size() == 1) break;
      const double d = divergence(mature, premature);
      if (d > most) most = d, best = i;
    }
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(best * n_vocab_);
    return {begin, begin + static_cast<std::ptrdiff_t>(n_vocab_)};
  }

  MethodOptions options_;
  size_t n_vocab_;
  std::vector<Stream> streams_;
  std::vector<int> layers_, pending_;
  std::vector<float> mature_, exits_;  ///< of a step that waits for its premature logits: log-probs; rows
  std::vector<int> kept_;              ///< likewise: the tokens that stay
  bool started_ = false;
  SimulatedNeed simulated_;
};

}  // namespace

std::unique_ptr<Method> dola(const MethodOptions& options, const MethodModels& models) {
  models.abilities.need(models.abilities.hidden, "dola", "rows that leave early");
  return std::make_unique<Dola>(options, models);
}

}  // namespace rouse
