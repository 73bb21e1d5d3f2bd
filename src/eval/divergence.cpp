#include "eval/divergence.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "base/error.h"
#include "base/text.h"
#include "tokenizer/deep_stack.h"

namespace rouse {
namespace {

/// Rows of logits that a batch may bring at once, and texts that intervals are drawn from.
constexpr size_t kLogitRows = 256;
constexpr int kResamples = 1000;

const std::regex& math() {
  static const std::regex pattern(
      R"([$(]*\d[\d.,]*[)%]*(?:\s*(?:[-+*/=<>x]|\xC3\x97|\xC3\xB7)+\s*[$(]*\d[\d.,]*[)%]*)+)");
  return pattern;
}

const std::regex& stop_words() {
  static const std::regex pattern(
      R"(\b(?:i|me|my|myself|we|our|ours|you|your|yours|he|him|his|she|her|hers|it|its|they|them|their|theirs|what|which|who|whom|this|that|these|those|am|is|are|was|were|be|been|being|have|has|had|having|do|does|did|doing|a|an|the|and|but|if|or|because|as|until|while|of|at|by|for|with|about|against|between|into|through|during|before|after|above|below|to|from|up|down|in|out|on|off|over|under|again|further|then|once|here|there|when|where|why|how|all|any|both|each|few|more|most|other|some|such|no|nor|not|only|own|same|so|than|too|very|can|will|just|should|now)\b)",
      std::regex::icase);
  return pattern;
}

/// Sums over one text.
struct Sums {
  std::array<double, kTokenKinds> kl{};
  std::array<int64_t, kTokenKinds> n{};
};

/// KL(p || q) of two rows of logits, nats.
double kl_divergence(std::span<const float> p, std::span<const float> q, std::vector<float>& a,
                     std::vector<float>& b) {
  a.assign(p.begin(), p.end());
  b.assign(q.begin(), q.end());
  log_softmax(a);
  log_softmax(b);
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] > -INFINITY)
      sum += std::exp(static_cast<double>(a[i])) * (static_cast<double>(a[i]) - static_cast<double>(b[i]));
  require(std::isfinite(sum), "a token that one routing allows is impossible under the other");
  return sum;
}

class Measurement {
 public:
  Measurement(Engines engines, const Tokenizer& tokenizer, const RoutingPolicy& strong,
              std::span<const RoutingPolicy> others, const RoutingPolicy* amateur)
      : engines_(engines),
        tokenizer_(tokenizer),
        amateur_(amateur),
        chosen_(others.size()),
        unchosen_(others.size()) {
    policies_.push_back(&strong);
    for (const RoutingPolicy& p : others) policies_.push_back(&p);
    sums_.resize(others.size() + (amateur != nullptr));
  }

  void text(const std::string& text, int n_token) {
    std::vector<int> tokens = tokenizer_.encode(text, true, false);
    tokens.resize(std::min(tokens.size(), static_cast<size_t>(n_token)));
    std::vector<std::string> pieces;
    for (const int t : tokens) pieces.push_back(tokenizer_.piece(t));
    kinds_ = token_kinds(pieces);
    for (auto& s : sums_) s.emplace_back();
    std::vector<SeqId> sequences;
    for (size_t i = 0; i < policies_.size(); ++i) sequences.push_back(engines_.model->open());
    const SeqId own = amateur_ ? engines_.amateur->open() : 0;
    const size_t n_piece = std::max<size_t>(1, kLogitRows / policies_.size());
    for (size_t first = 0; first + 1 < tokens.size(); first += n_piece)
      piece(std::span(tokens).subspan(first, std::min(n_piece, tokens.size() - 1 - first)), first, sequences,
            own);
    for (const SeqId seq : sequences) engines_.model->close(seq);
    if (amateur_) engines_.amateur->close(own);
  }

  std::vector<DivergenceRow> rows() const {
    std::vector<DivergenceRow> out;
    for (size_t i = 0; i < sums_.size(); ++i) {
      const bool other_model = i + 1 == policies_.size();
      DivergenceRow row{other_model ? "amateur" : policies_[i + 1]->text(), {}, NAN};
      if (!other_model && chosen_[i] > 0)
        row.unchosen = static_cast<double>(unchosen_[i]) / static_cast<double>(chosen_[i]);
      for (size_t kind = 0; kind < kTokenKinds; ++kind) row.kl[kind] = score(sums_[i], kind);
      out.push_back(std::move(row));
    }
    return out;
  }

 private:
  void piece(std::span<const int> tokens, size_t first, const std::vector<SeqId>& sequences, SeqId own) {
    Batch batch;
    for (size_t i = 0; i < policies_.size(); ++i) batch.push_back(group(policies_[i], sequences[i], tokens));
    const bool moe = engines_.model->spec().router.moe();
    const StepResult& result = engines_.model->run({.batch = batch, .taps = {.routing = moe}});
    const StepResult* amateur = amateur_ ? &engines_.amateur->run({group(amateur_, own, tokens)}) : nullptr;
    const size_t n = tokens.size();
    for (size_t t = 0; t < n; ++t) {
      for (size_t i = 1; i < policies_.size(); ++i) {
        add(sums_[i - 1].back(), kl_divergence(result.logits(t), result.logits(i * n + t), a_, b_),
            first + t + 1);
        if (!result.routing.empty()) count_unchosen(i - 1, result.routing[t], result.routing[i * n + t]);
      }
      if (amateur)
        add(sums_.back().back(), kl_divergence(result.logits(t), amateur->logits(t), a_, b_), first + t + 1);
    }
  }

  static RowGroup group(const RoutingPolicy* policy, SeqId seq, std::span<const int> tokens) {
    RowGroup out{policy, {}};
    for (const int token : tokens) out.rows.push_back({seq, token, Output::logits});
    return out;
  }

  /// A distribution counts for the token that it is to predict.
  void add(Sums& sums, double kl, size_t token) {
    for (size_t kind = 0; kind < kTokenKinds; ++kind)
      if (kinds_[token][kind]) sums.kl[kind] += kl, ++sums.n[kind];
  }

  void count_unchosen(size_t other, const std::vector<RoutedRow>& strong,
                      const std::vector<RoutedRow>& weak) {
    for (size_t layer = 0; layer < weak.size(); ++layer)
      for (const int e : weak[layer].experts) {
        const auto& chosen = strong[layer].experts;
        ++chosen_[other];
        unchosen_[other] += std::find(chosen.begin(), chosen.end(), e) == chosen.end();
      }
  }

  static DivergenceRow::Score score(const std::vector<Sums>& texts, size_t kind) {
    const auto ratio = [&](auto&& pick) {
      double kl = 0;
      int64_t n = 0;
      for (size_t i = 0; i < texts.size(); ++i) {
        const Sums& s = texts[pick(i)];
        kl += s.kl[kind], n += s.n[kind];
      }
      return std::pair(n ? kl / static_cast<double>(n) : NAN, n);
    };
    const auto [mean, n] = ratio([](size_t i) { return i; });
    DivergenceRow::Score out{mean, {NAN, NAN}, n};
    if (n > 0)
      out.interval = bootstrap_interval(1, 0, kResamples, [&](Random& random) {
        return ratio([&](size_t) {
                 return static_cast<size_t>(random.below(static_cast<uint32_t>(texts.size())));
               })
            .first;
      });
    return out;
  }

  Engines engines_;
  const Tokenizer& tokenizer_;
  const RoutingPolicy* amateur_;
  std::vector<const RoutingPolicy*> policies_;  ///< the strong one first
  std::vector<std::array<bool, kTokenKinds>> kinds_;
  std::vector<std::vector<Sums>> sums_;  ///< [other][text]
  std::vector<int64_t> chosen_, unchosen_;
  std::vector<float> a_, b_;
};

}  // namespace

const char* token_kind_name(TokenKind kind) {
  static constexpr const char* kNames[] = {"all", "math", "stop_words"};
  return kNames[kind];
}

std::vector<std::array<bool, kTokenKinds>> token_kinds(const std::vector<std::string>& pieces) {
  const std::string text = join(pieces, "");
  std::vector<std::array<bool, kTokenKinds>> out(pieces.size());
  const auto mark = [&](const std::regex& pattern, TokenKind kind) {
    size_t piece = 0, end = 0;  // of the piece's text
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), none; it != none; ++it) {
      const auto from = static_cast<size_t>(it->position()), to = from + static_cast<size_t>(it->length());
      for (; piece < pieces.size() && end + pieces[piece].size() <= from; ++piece)
        end += pieces[piece].size();
      size_t last_end = end;
      for (size_t p = piece; p < pieces.size() && last_end < to; ++p) {
        last_end += pieces[p].size();
        out[p][kind] = !pieces[p].empty();
      }
    }
  };
  for (auto& kinds : out) kinds[kAllTokens] = true;
  on_deep_stack(text.size() * kRegexBytes, [&] {
    mark(math(), kMathTokens);
    mark(stop_words(), kStopWords);
  });
  return out;
}

std::vector<DivergenceRow> divergence(Engines engines, const Tokenizer& tokenizer,
                                      const RoutingPolicy& strong, std::span<const RoutingPolicy> others,
                                      const RoutingPolicy* amateur, const std::vector<std::string>& texts,
                                      int n_token, const std::function<void(double)>& progress,
                                      const std::atomic<bool>* interrupted) {
  Measurement measurement(engines, tokenizer, strong, others, amateur);
  for (size_t i = 0; i < texts.size() && !(interrupted && *interrupted); ++i) {
    try {
      measurement.text(texts[i], n_token);
    } catch (const Error& e) {
      throw e.within(cat("text ", i + 1));
    }
    if (progress) progress(static_cast<double>(i + 1) / static_cast<double>(texts.size()));
  }
  return measurement.rows();
}

}  // namespace rouse
