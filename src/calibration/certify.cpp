#include "calibration/certify.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"

namespace rouse {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr int kResamples = 1000;
constexpr uint64_t kStream = 7;  // of the seed: documents drawn for evidence

/// A mean over tokens, and the same on each resample of the documents. All share their draws, so differences
/// of two are paired.
struct Sample {
  double mean = kUnknown;
  std::vector<double> draws;
  int n_document = 0;  ///< with such tokens
  bool known() const { return n_document > 1; }
};

/// A move with the degrees of freedom of its error.
struct Tried {
  Evidence::Move move;
  double freedom;
};

class Resamples {
 public:
  Resamples(size_t n_document, uint64_t seed) {
    for (int i = 0; i < kResamples; ++i) {
      Random random(seed, kStream, static_cast<uint64_t>(i));
      weights_.emplace_back(n_document, 0);
      for (size_t d = 0; d < n_document; ++d)
        ++weights_.back()[random.below(static_cast<uint32_t>(n_document))];
    }
  }
  Sample sample(const std::vector<double>& sums, const std::vector<int>& counts) const {
    const auto ratio = [&](const std::vector<int>* weights) {
      double sum = 0, n = 0;
      for (size_t d = 0; d < sums.size(); ++d) {
        const int w = weights ? (*weights)[d] : 1;
        sum += w * sums[d], n += w * counts[d];
      }
      return sum / n;  // NaN without a token
    };
    Sample out{ratio(nullptr), {}, 0};
    for (const int n : counts) out.n_document += n > 0;
    for (const auto& weights : weights_) out.draws.push_back(ratio(&weights));
    return out;
  }

 private:
  std::vector<std::vector<int>> weights_;  ///< [resample][document]: how often it was drawn
};

MeanChange change_of(const Sample& s) {
  std::vector<double> sorted;
  for (const double x : s.draws)
    if (!std::isnan(x)) sorted.push_back(x);
  if (std::isnan(s.mean) || sorted.empty()) return {kUnknown, kUnknown, kUnknown};
  std::sort(sorted.begin(), sorted.end());
  return {s.mean, quantile(sorted, 0.025), quantile(sorted, 0.975)};
}

/// The hard tokens of every layer with one other k; fills what the table says of them.
std::vector<Sample> samples(const Resamples& resamples, const std::vector<int>& n_token,
                            const std::vector<std::vector<DocumentEffect>>& layers,
                            std::vector<Evidence::Change>& changes) {
  std::vector<Sample> out;
  for (const auto& documents : layers) {
    std::vector<double> all, hard;
    std::vector<int> n_hard;
    for (const DocumentEffect& d : documents)
      all.push_back(d.all), hard.push_back(d.hard), n_hard.push_back(d.n_hard);
    const Sample of_all = documents.empty() ? Sample{} : resamples.sample(all, n_token);
    out.push_back(documents.empty() ? Sample{} : resamples.sample(hard, n_hard));
    changes.push_back({change_of(of_all), change_of(out.back())});
  }
  return out;
}

Tried move_of(int from, int to, const Sample& less, const Sample& more) {
  std::vector<double> net;
  for (size_t i = 0; i < less.draws.size(); ++i) {
    const double x = -more.draws[i] - less.draws[i];
    if (!std::isnan(x)) net.push_back(x);
  }
  const double mean = -more.mean - less.mean, error = net.size() < 2 ? 0.0 : deviation(net);
  const double freedom = std::min(less.n_document, more.n_document) - 1;
  const bool sure = !(error > 0);  // every document alike
  const double p = sure ? (mean > 0 ? 0.0 : 1.0) : student_tail(mean / error, freedom);
  return {{from, to, mean, error, mean, p, false}, freedom};
}

/// Bounds, corrected p and support, the surest first.
std::vector<Evidence::Move> corrected(std::vector<Tried> tried) {
  std::stable_sort(tried.begin(), tried.end(),
                   [](const auto& a, const auto& b) { return a.move.p < b.move.p; });
  std::vector<double> p;
  for (const Tried& t : tried) p.push_back(t.move.p);
  const std::vector<double> by_holm = holm(p);
  std::vector<Evidence::Move> out;
  for (size_t i = 0; i < tried.size(); ++i) {
    Evidence::Move& m = out.emplace_back(tried[i].move);
    const double level = kEvidenceLevel / static_cast<double>(tried.size() - i);
    m.lower = m.net - student_quantile(level, tried[i].freedom) * m.error;
    m.p = by_holm[i];
    m.supported = m.p <= kEvidenceLevel;
  }
  return out;
}

}  // namespace

std::vector<size_t> held_out_documents(size_t n, uint64_t seed) {
  return draw_subset(n, n / 2, Random(seed, 2, 0));
}

Evidence weigh(const Effects& e, uint64_t seed) {
  Evidence out;
  out.n_document = static_cast<int>(e.n_token.size());
  out.n_token = std::accumulate(e.n_token.begin(), e.n_token.end(), 0);
  const Resamples resamples(e.n_token.size(), seed);
  const auto less = samples(resamples, e.n_token, e.less, out.less);
  const auto more = samples(resamples, e.n_token, e.more, out.more);
  std::vector<Tried> tried;
  for (size_t a = 0; a < e.layers.size(); ++a)
    for (size_t b = 0; b < e.layers.size(); ++b)
      if (a != b && less[a].known() && more[b].known())
        tried.push_back(move_of(e.layers[a], e.layers[b], less[a], more[b]));
  out.moves = corrected(std::move(tried));
  out.n_move = static_cast<int>(out.moves.size());
  return out;
}

std::vector<Evidence::Move> compatible(const std::vector<Evidence::Move>& moves) {
  std::vector<Evidence::Move> order, out;
  std::copy_if(moves.begin(), moves.end(), std::back_inserter(order),
               [](const auto& m) { return m.supported; });
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.net > b.net; });
  std::set<int> used;
  for (const Evidence::Move& m : order) {
    if (used.contains(m.from) || used.contains(m.to)) continue;
    used.insert(m.from), used.insert(m.to);
    out.push_back(m);
  }
  return out;
}

MeanChange mean_change(const std::vector<double>& sums, const std::vector<int>& counts, uint64_t seed) {
  return change_of(Resamples(sums.size(), seed).sample(sums, counts));
}

/// "0.0012 to 0.0148"
static std::string range_text(const std::vector<Evidence::Change>& changes, double sign) {
  double low = INFINITY, high = -INFINITY;
  for (const Evidence::Change& c : changes)
    if (!std::isnan(c.all.mean))
      low = std::min(low, sign * c.all.mean), high = std::max(high, sign * c.all.mean);
  char text[64];
  std::snprintf(text, sizeof text, "%.4f to %.4f", low, high);
  return low <= high ? text : "";
}

std::string verdict_of(const Evidence& e, const std::vector<int>& layers, const std::vector<int>& budget) {
  std::string moved;
  int n_moved = 0;
  for (size_t l = 0; l < layers.size(); ++l) {
    if (budget[l] == e.base[l]) continue;
    moved += cat(moved.empty() ? "" : ", ", "block ", layers[l], " ", e.base[l], " -> ", budget[l]);
    n_moved += budget[l] > e.base[l];
  }
  std::string out;
  if (n_moved > 0)
    out = cat(n_moved, n_moved == 1 ? " move is" : " moves are", " supported: ", moved, ".");
  else if (!e.trials.empty())
    out = cat("No move is supported: what gains on hard tokens costs more than ", kMostHarm,
              " nats over all tokens of the documents held out.");
  else if (e.n_move == 0)
    out = "No move is supported: none could be tried.";
  else
    out = cat("No move is supported: of ", e.n_move,
              " tried, none gains on hard tokens more than it costs, beyond chance.");
  const std::string cost = range_text(e.less, 1), gain = range_text(e.more, -1);
  if (!cost.empty()) out += cat(" One expert less in a block costs ", cost, " nats over all tokens");
  if (!gain.empty()) out += cat(cost.empty() ? " One" : "; one", " more gains ", gain);
  return cost.empty() && gain.empty() ? out : out + ".";
}

}  // namespace rouse
