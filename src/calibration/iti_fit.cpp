#include "calibration/iti_fit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "tensor/cores.h"

namespace rouse {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

const float* row_of(const ItiData& d, size_t answer, size_t head) {
  return d.activations.data() + (answer * d.n_head_total() + head) * static_cast<size_t>(d.width);
}

/// Whether the probe is right about an answer.
bool right(const ItiData& d, const std::vector<double>& probe, size_t head, size_t answer) {
  const float* x = row_of(d, answer, head);
  double z = probe.back();
  for (size_t i = 0; i < static_cast<size_t>(d.width); ++i) z += probe[i] * x[i];
  return (z > 0) == (d.truth[answer] != 0);
}

double accuracy(const ItiData& d, const std::vector<double>& probe, size_t head,
                std::span<const size_t> answers) {
  size_t n = 0;
  for (const size_t a : answers) n += right(d, probe, head, a);
  return static_cast<double>(n) / static_cast<double>(answers.size());
}

/// Answers whose question passes.
template <class Pick>
std::vector<size_t> answers_where(const ItiData& d, Pick pick) {
  std::vector<size_t> out;
  for (size_t a = 0; a < d.n_answer(); ++a)
    if (pick(d.question[a])) out.push_back(a);
  return out;
}

/// work(head) for all heads on all cores.
void each_head(size_t n_head, const std::function<void(size_t)>& work) {
  const auto n_thread = static_cast<size_t>(usable_cores());
  std::vector<std::thread> threads;
  for (size_t t = 0; t < n_thread; ++t)
    threads.emplace_back([&, t] {
      for (size_t head = t; head < n_head; head += n_thread) work(head);
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

std::vector<double> fit_probe(const ItiData& d, size_t head, std::span<const size_t> answers, double ridge) {
  const int n = static_cast<int>(answers.size()), width = d.width;
  Matrix x(n, width + 1);
  Vector y(n);
  for (int i = 0; i < n; ++i) {
    const float* row = row_of(d, answers[static_cast<size_t>(i)], head);
    for (int c = 0; c < width; ++c) x(i, c) = row[c];
    x(i, width) = 1;
    y(i) = d.truth[answers[static_cast<size_t>(i)]] ? 1 : 0;
  }
  Vector penalty = Vector::Constant(width + 1, ridge);
  penalty(width) = 1e-6;  // the intercept is free
  Vector w = Vector::Zero(width + 1);
  constexpr int kMaxIterations = 30;
  for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
    const Vector p = (1 / (1 + (-(x * w).array()).exp())).matrix();
    const Vector gradient = x.transpose() * (p - y) + penalty.cwiseProduct(w);
    const Vector weight = (p.array() * (1 - p.array())).max(1e-9).matrix();
    Matrix hessian = x.transpose() * weight.asDiagonal() * x;
    hessian.diagonal() += penalty;
    const Vector step = hessian.llt().solve(gradient);
    w -= step;
    if (step.norm() < 1e-6 * (1 + w.norm())) break;
  }
  return {w.data(), w.data() + w.size()};
}

ItiFile fit_iti(const ItiData& d, const ItiFitOptions& o, const std::function<void(double)>& progress) {
  const std::set<int> all(d.question.begin(), d.question.end());
  const auto n_true = std::count(d.truth.begin(), d.truth.end(), 1);
  require_usage(all.size() >= 10, "iti: ", all.size(), " questions, expected 10 or more");
  require_usage(n_true > 0 && n_true < static_cast<int64_t>(d.n_answer()), "iti: every answer is ",
                n_true ? "true" : "false");
  std::vector<int> order(all.begin(), all.end());
  Random random(o.seed);
  shuffle(order, random);
  std::map<int, size_t> place;
  for (size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  const size_t n_head = d.n_head_total(),
               wanted =
                   static_cast<size_t>(o.n_pick > 0 ? o.n_pick : usual_iti_heads(static_cast<int>(n_head))),
               n_pick = std::min(wanted, n_head);

  std::vector<double> across(n_head, 0.0);
  nlohmann::ordered_json folds = nlohmann::ordered_json::array();
  for (size_t fold = 0; fold < 2; ++fold) {
    // The fold itself is every second question; of the others each fifth ranks the heads.
    const auto test = answers_where(d, [&](int q) { return place[q] % 2 == fold; });
    const auto train = answers_where(d, [&](int q) { return place[q] % 2 != fold; });
    const auto fit = answers_where(d, [&](int q) { return place[q] % 2 != fold && place[q] / 2 % 5 != 0; });
    const auto rank = answers_where(d, [&](int q) { return place[q] % 2 != fold && place[q] / 2 % 5 == 0; });
    std::vector<double> by_rank(n_head);
    std::vector<std::vector<double>> probes(n_head);
    each_head(n_head, [&](size_t head) {
      by_rank[head] = accuracy(d, fit_probe(d, head, fit, o.ridge), head, rank);
      probes[head] = fit_probe(d, head, train, o.ridge);
      across[head] += accuracy(d, probes[head], head, test) / 2;
    });
    if (progress) progress(0.5 * static_cast<double>(fold + 1));
    std::vector<size_t> heads(n_head);
    std::iota(heads.begin(), heads.end(), size_t{0});
    std::stable_sort(heads.begin(), heads.end(), [&](size_t a, size_t b) { return by_rank[a] > by_rank[b]; });
    heads.resize(n_pick);
    // Share of right verdicts of the picked heads, one number a question: what the bootstrap resamples.
    std::map<int, std::pair<double, double>> by_question;
    for (const size_t a : test)
      for (const size_t head : heads) {
        by_question[d.question[a]].first += right(d, probes[head], head, a);
        by_question[d.question[a]].second += 1;
      }
    std::vector<std::pair<double, double>> counts;
    for (const auto& [q, count] : by_question) counts.push_back(count);
    const auto share = [&](const std::function<size_t()>& next) {
      double good = 0, n = 0;
      for (size_t i = 0; i < counts.size(); ++i) {
        const auto& c = counts[next()];
        good += c.first, n += c.second;
      }
      return good / n;
    };
    size_t at = 0;
    const double mean_accuracy = share([&] { return at++; });
    const Interval interval = bootstrap_interval(o.seed, fold, 1000, [&](Random& r) {
      return share([&] { return size_t{r.below(static_cast<uint32_t>(counts.size()))}; });
    });
    int64_t most = 0;
    for (const size_t a : test) most += d.truth[a];
    most = std::max(most, static_cast<int64_t>(test.size()) - most);
    folds.push_back(
        {{"questions", counts.size()},
         {"answers", test.size()},
         {"majority", static_cast<double>(most) / static_cast<double>(test.size())},
         {"heads", n_pick},
         {"accuracy", mean_accuracy},
         {"interval", {interval.low, interval.high}},
         {"best_head", {heads[0] / static_cast<size_t>(d.n_head), heads[0] % static_cast<size_t>(d.n_head)}},
         {"best_head_accuracy", accuracy(d, probes[heads[0]], heads[0], test)}});
  }

  ItiFile file;
  file.n_layer = d.n_layer, file.n_head = d.n_head, file.width = d.width;
  file.report = {{"questions", all.size()}, {"answers", d.n_answer()}, {"folds", folds}};
  const auto width = static_cast<size_t>(d.width);
  for (size_t head = 0; head < n_head; ++head) {
    ItiHead h;
    h.layer = static_cast<int>(head) / d.n_head, h.head = static_cast<int>(head) % d.n_head;
    h.accuracy = across[head];
    std::vector<double> sum[2] = {std::vector<double>(width), std::vector<double>(width)};
    for (size_t a = 0; a < d.n_answer(); ++a)
      for (size_t c = 0; c < width; ++c) sum[d.truth[a] != 0][c] += row_of(d, a, head)[c];
    double squares = 0;
    std::vector<double> theta(width);
    for (size_t c = 0; c < width; ++c) {
      theta[c] = sum[1][c] / static_cast<double>(n_true) -
                 sum[0][c] / static_cast<double>(static_cast<int64_t>(d.n_answer()) - n_true);
      squares += theta[c] * theta[c];
    }
    const double length = std::sqrt(squares);
    std::vector<double> along(d.n_answer());
    for (size_t c = 0; c < width; ++c) {
      theta[c] = length > 0 ? theta[c] / length : 0;
      h.direction.push_back(static_cast<float>(theta[c]));
      for (size_t a = 0; a < d.n_answer(); ++a) along[a] += theta[c] * row_of(d, a, head)[c];
    }
    const double middle = mean(along);
    double variance = 0;
    for (const double x : along) variance += (x - middle) * (x - middle);
    h.sigma = std::sqrt(variance / static_cast<double>(along.size()));
    file.heads.push_back(std::move(h));
  }
  std::stable_sort(file.heads.begin(), file.heads.end(),
                   [](const ItiHead& a, const ItiHead& b) { return a.accuracy > b.accuracy; });
  return file;
}

}  // namespace rouse
