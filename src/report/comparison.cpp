#include "report/comparison.h"

#include <algorithm>

#include "base/statistics.h"
#include "report/expert_use.h"
#include "session/result.h"
#include "session/variant.h"

namespace rouse {
namespace {

/// Seconds of one run, a token.
struct Times {
  double prefill_s, step_s;
};

Times times_of(const Generation& g) {
  const auto per = [](double seconds, int64_t n) {
    return seconds / static_cast<double>(std::max<int64_t>(1, n));
  };
  return {per(g.prefill().seconds, g.prefill().tokens), per(g.step().seconds, g.step().tokens)};
}

/// Puts the medians of repeated runs in the place of the first one's speeds, and the ratio beside greedy's.
void add_speeds(Json& row, const std::vector<Times>& greedy, const std::vector<Times>& own) {
  std::vector<double> prefill, step, greedy_step;
  for (const Times& t : own) prefill.push_back(t.prefill_s), step.push_back(t.step_s);
  for (const Times& t : greedy) greedy_step.push_back(t.step_s);
  const bool stepped = *std::min_element(step.begin(), step.end()) > 0 &&
                       *std::min_element(greedy_step.begin(), greedy_step.end()) > 0;
  row["timings"]["repeats"] = own.size();
  row["timings"]["prefill_tok_s"] = 1 / spread(prefill).median;
  if (!stepped) return;  // an answer of one token has no step
  row["timings"]["step_tok_s"] = 1 / spread(step).median;
  const Spread ratio = ratio_interval(step, greedy_step);
  row["step_ratio_to_greedy"] = ratio.median;
  row["step_ratio_to_greedy_interval"] = {ratio.low, ratio.high};
}

}  // namespace

Json compare_variants(const Session& session, const std::vector<int>& prompt, const Comparison& o,
                      const ComparisonEvents& events) {
  const RouterSpec& router = session.router();
  const auto stopped = [&] { return events.stop && *events.stop; };
  std::vector<MethodOptions> methods;
  for (const std::string& v : o.variants) {
    methods.push_back(parse_variant(v));
    check_options(methods.back(), o.generate);
    make_method(methods.back(), session.models());  // refuse a bad one before the first answer
  }
  const auto generate = [&](const MethodOptions& m, int n_predict) {
    GenerateOptions options = o.generate;
    options.n_predict = n_predict;
    options.routing = router.moe();
    auto g = session.start(m, prompt, options);
    Generation* one = g.get();
    run_generations(session.engines(), {&one, 1}, events.stop);
    return g;
  };
  const size_t n = methods.size();
  std::vector<std::vector<Times>> times(n);                               // [variant][repeat]
  for (int repeat = -1; o.n_repeat > 1 && repeat < o.n_repeat; ++repeat)  // the first is a warm-up
    for (size_t i = 0; i < n && !stopped(); ++i) {
      const Times t = times_of(*generate(methods[i], o.generate.n_predict));
      if (repeat >= 0) times[i].push_back(t);
      if (events.progress)
        events.progress(
            (static_cast<double>(repeat + 1) * static_cast<double>(n) + static_cast<double>(i + 1)) /
            (static_cast<double>(o.n_repeat + 1) * static_cast<double>(n)));
    }
  Json rows = Json::array();
  for (size_t i = 0; i < n && !stopped(); ++i) {
    generate(methods[i], std::min(o.generate.n_predict, 4));  // graphs and caches warm
    const auto g = generate(methods[i], o.generate.n_predict);
    Json row = generation_json(*g, methods[i], router);
    row["variant"] = variant_label(resolved(methods[i], router), g->method().streams()[0].policy);
    if (o.n_repeat > 1) add_speeds(row, times[0], times[i]);
    if (const auto share = unchosen_share(*g)) row["unchosen_share"] = *share;
    row["strip"] = Json::array();
    const auto use = expert_use(*g, 0, router), weak = expert_use(*g, 1, router);
    for (size_t l = 0; l < use.size(); ++l) {
      row["strip"].push_back({{"layer", router.layers[l]}, {"used", use[l]}});
      if (g->method().streams().size() > 1) row["strip"].back()["weak"] = weak[l];
    }
    rows.push_back(std::move(row));
    if (events.row) events.row(rows.back());
  }
  return rows;
}

}  // namespace rouse
