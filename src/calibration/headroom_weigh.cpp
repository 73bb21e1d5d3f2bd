/// calibration/headroom_weigh.cpp - what the gains of swaps say, without a model.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"
#include "calibration/headroom.h"

namespace rouse {
namespace {

constexpr double kHelped = 0.1;      // nats
constexpr size_t kLeastSwapped = 5;  // tokens from which a bias is learned

/// Mean over tokens; document: of each, ascending.
MeanChange token_mean(const std::vector<double>& values, const std::vector<int>& document, uint64_t seed) {
  std::vector<double> sums;
  std::vector<int> counts;
  for (size_t t = 0; t < values.size(); ++t) {
    if (t == 0 || document[t] != document[t - 1]) sums.push_back(0), counts.push_back(0);
    sums.back() += values[t], counts.back() += 1;
  }
  return mean_change(sums, counts, seed);
}

/// Every swap of one expert in one layer.
struct Gains {
  struct One {
    size_t token;
    double gap, gain;
  };
  std::vector<One> all;  ///< by gap, the smallest first
};

/// [layer][expert]
std::vector<std::vector<Gains>> by_expert(const std::vector<LayerSwaps>& swaps) {
  std::vector<std::vector<Gains>> out(swaps.size());
  for (size_t l = 0; l < swaps.size(); ++l) {
    for (size_t t = 0; t < swaps[l].size(); ++t)
      for (const Swap& s : swaps[l][t]) {
        out[l].resize(std::max(out[l].size(), static_cast<size_t>(s.expert) + 1));
        out[l][static_cast<size_t>(s.expert)].all.push_back({t, s.gap, s.gain});
      }
    for (Gains& g : out[l])
      std::stable_sort(g.all.begin(), g.all.end(),
                       [](const auto& a, const auto& b) { return a.gap < b.gap; });
  }
  return out;
}

/// The bias with the largest mean gain over the tokens of one half.
StaticBias learn(const std::vector<int>& layers, const std::vector<std::vector<Gains>>& gains,
                 const std::vector<char>& half, char which) {
  const auto n_token = static_cast<double>(std::count(half.begin(), half.end(), which));
  StaticBias best;
  for (size_t l = 0; l < gains.size(); ++l)
    for (size_t e = 0; e < gains[l].size(); ++e) {
      double sum = 0;
      size_t n = 0;
      const auto& all = gains[l][e].all;
      for (size_t i = 0; i < all.size(); ++i) {
        if (half[all[i].token] != which) continue;
        sum += all[i].gain;
        ++n;
        if (n >= kLeastSwapped && sum / n_token > best.learned)
          best = {layers[l], static_cast<int>(e), std::nextafter(all[i].gap, INFINITY), sum / n_token};
      }
    }
  return best;
}

/// Its gain for every token of the other half; 0 where it changes nothing.
void apply(const StaticBias& bias, const std::vector<int>& layers,
           const std::vector<std::vector<Gains>>& gains, const std::vector<char>& half, char which,
           std::vector<double>& out) {
  if (bias.layer < 0) return;
  const auto l = static_cast<size_t>(std::find(layers.begin(), layers.end(), bias.layer) - layers.begin());
  for (const Gains::One& one : gains[l][static_cast<size_t>(bias.expert)].all)
    if (half[one.token] == which && one.gap < bias.bias) out[one.token] = one.gain;
}

/// Each half's bias tried on the other: one gain for every token.
std::vector<double> cross_fitted(const std::vector<int>& layers, const std::vector<LayerSwaps>& swaps,
                                 const std::vector<char>& half, std::vector<StaticBias>& biases) {
  const auto gains = by_expert(swaps);
  std::vector<double> out(half.size(), 0.0);
  for (const char which : {char{0}, char{1}}) {
    biases.push_back(learn(layers, gains, half, which));
    apply(biases.back(), layers, gains, half, static_cast<char>(1 - which), out);
  }
  return out;
}

/// Of each token and layer the experts' names in another order: gains and gaps stay together.
std::vector<LayerSwaps> shuffled(std::vector<LayerSwaps> swaps, uint64_t seed) {
  for (size_t l = 0; l < swaps.size(); ++l)
    for (size_t t = 0; t < swaps[l].size(); ++t) {
      Random random(seed, l + 1, t);
      std::vector<int> names;
      for (const Swap& s : swaps[l][t]) names.push_back(s.expert);
      shuffle(names, random);
      for (size_t i = 0; i < names.size(); ++i) swaps[l][t][i].expert = names[i];
    }
  return swaps;
}

/// Of each token, which half of the documents it is in.
std::vector<char> halves(const std::vector<int>& document, uint64_t seed) {
  const auto second =
      held_out_documents(document.empty() ? 0 : static_cast<size_t>(document.back()) + 1, seed);
  std::vector<char> out;
  for (const int d : document)
    out.push_back(std::binary_search(second.begin(), second.end(), static_cast<size_t>(d)));
  return out;
}

std::string nats(const MeanChange& m) {
  return formatted("%+.4f nats [%+.4f, %+.4f]", m.mean, m.low, m.high);
}

std::string verdict_of(const Headroom& h) {
  std::string out =
      cat("Hard tokens lose ", number_text(std::round(h.loss.mean * 1000) / 1000),
          " nats on the average; with the answer known, one other expert in the best layer would save ",
          nats(h.oracle), ". ");
  if (h.fixed.low > 0) {
    const double share = 100 * h.fixed.mean / h.oracle.mean;
    out += cat("A static bias learned on other documents keeps ", nats(h.fixed), ", ",
               number_text(std::round(share * 10) / 10), "% of that: on such text a plan can help.");
  } else {
    out += cat(
        "A static bias learned on other documents keeps ", nats(h.fixed),
        ": nothing beyond chance. What another route could gain here depends on the token, and a plan, which "
        "treats all tokens alike, has nothing to reach.");
  }
  return out;
}

/// The swaps of one token over all layers.
struct TokenSwaps {
  double best = 0, sum = 0;  ///< gains; best: 0 where none gains
  int where = -1;            ///< layer of the best
  int64_t n = 0;
};

/// Also fills what is said of each layer, n_swap and helped.
std::vector<TokenSwaps> by_token(const std::vector<int>& layers, const std::vector<LayerSwaps>& swaps,
                                 size_t n, Headroom& h) {
  std::vector<TokenSwaps> out(n);
  for (size_t l = 0; l < layers.size(); ++l) {
    LayerHeadroom& of = h.layers.emplace_back();
    of.layer = layers[l];
    int64_t n_here = 0;
    for (size_t t = 0; t < n; ++t) {
      double here = 0;
      for (const Swap& s : swaps[l][t]) {
        here = std::max(here, s.gain);
        of.random += s.gain, out[t].sum += s.gain;
        ++n_here, ++out[t].n;
      }
      of.oracle += here / static_cast<double>(n);
      if (here > out[t].best) out[t].best = here, out[t].where = layers[l];
    }
    if (n_here) of.random /= static_cast<double>(n_here);
    h.n_swap += n_here;
  }
  const auto gaining = std::ranges::count_if(out, [](const TokenSwaps& t) { return t.where >= 0; });
  for (LayerHeadroom& of : h.layers)
    if (gaining > 0)
      of.best_share = static_cast<double>(std::ranges::count(out, of.layer, &TokenSwaps::where)) /
                      static_cast<double>(gaining);
  const auto helped = std::ranges::count_if(out, [](const TokenSwaps& t) { return t.best >= kHelped; });
  h.helped = static_cast<double>(helped) / static_cast<double>(n);
  return out;
}

Json mean_json(const MeanChange& m) {
  return {{"mean", m.mean}, {"interval", {m.low, m.high}}};
}

}  // namespace

Headroom weigh_headroom(const std::vector<int>& layers, const std::vector<LayerSwaps>& swaps,
                        const std::vector<double>& losses, const std::vector<int>& document, uint64_t seed) {
  Headroom h;
  h.n_hard = static_cast<int>(losses.size());
  const std::vector<TokenSwaps> tokens = by_token(layers, swaps, losses.size(), h);
  const auto means = [&](double (*value)(const TokenSwaps&)) {
    std::vector<double> values;
    for (const TokenSwaps& t : tokens) values.push_back(value(t));
    return token_mean(values, document, seed);
  };
  h.loss = token_mean(losses, document, seed);
  h.oracle = means([](const TokenSwaps& t) { return t.best; });
  h.random = means([](const TokenSwaps& t) { return t.n ? t.sum / static_cast<double>(t.n) : 0; });
  const std::vector<char> half = halves(document, seed);
  std::vector<StaticBias> of_shuffled;
  h.fixed = token_mean(cross_fitted(layers, swaps, half, h.biases), document, seed);
  h.shuffled = token_mean(cross_fitted(layers, shuffled(swaps, seed), half, of_shuffled), document, seed);
  h.verdict = verdict_of(h);
  return h;
}

Json headroom_json(const Headroom& h) {
  Json out{{"documents", h.n_document},
           {"scored", h.n_scored},
           {"hard", h.n_hard},
           {"swaps", h.n_swap},
           {"loss", mean_json(h.loss)},
           {"oracle", mean_json(h.oracle)},
           {"helped", h.helped},
           {"static", mean_json(h.fixed)},
           {"random", mean_json(h.random)},
           {"shuffled", mean_json(h.shuffled)}};
  for (const StaticBias& b : h.biases) {
    Json bias;  // null: none was learned
    if (b.layer >= 0)
      bias = {{"layer", b.layer}, {"expert", b.expert}, {"bias", b.bias}, {"learned", b.learned}};
    out["biases"].push_back(std::move(bias));
  }
  for (const LayerHeadroom& l : h.layers)
    out["layers"].push_back(
        {{"layer", l.layer}, {"oracle", l.oracle}, {"best_share", l.best_share}, {"random", l.random}});
  out["verdict"] = h.verdict;
  return out;
}

}  // namespace rouse
