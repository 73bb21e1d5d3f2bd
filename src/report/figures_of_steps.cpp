/// report/figures_of_steps.cpp - figures of the analyses that are no evaluation: divergence, latency, a
/// plan's profile and evidence, headroom.
#include <algorithm>
#include <limits>

#include "base/text.h"
#include "report/chart.h"
#include "report/figure.h"

namespace rouse {
namespace {

constexpr size_t kMostRows = 1 << 20;
constexpr double kMost = std::numeric_limits<double>::max();

double number(const JsonValue& v) {
  return v.is_null() ? NAN : v.real(-kMost, kMost);
}
std::string cell(double value) {
  return std::isfinite(value) ? formatted("%.6g", value) : "";
}
/// {"mean", "interval"}
Mark interval_mark(const JsonValue& value, double at, const std::string& label) {
  const auto interval = value.at("interval").list(2, 2);
  return {number(value.at("mean")), at, number(interval[0]), number(interval[1]), label};
}

/// A figure whose chart has its names.
Figure figure_of(Chart chart, Table table, const std::string& provenance) {
  Figure f{chart.id, chart.title, chart.description, chart_svg(chart), std::move(table), provenance};
  return f;
}

std::string model_of(const JsonValue& d) {
  std::string out = "Model";
  if (const auto name = d.find("model")) out += cat(" ", name->text());
  if (const auto fingerprint = d.find("fingerprint")) out += cat(" ", fingerprint->text().substr(0, 12));
  return out;
}

}  // namespace

std::vector<Figure> divergence_figures(const JsonValue& d, const std::string& id) {
  static const std::pair<const char*, const char*> kKinds[] = {
      {"all", "all tokens"}, {"math", "mathematical expressions"}, {"stop_words", "stop words"}};
  Chart kl{id + "-kl",
           "How far other routings' distributions are from the strong one's",
           "Mean KL divergence of the next token's distribution under the strong routing from that under "
           "another, by kind of token.",
           {"KL(strong || other), nats a token"},
           {""},
           {},
           true};
  Chart unchosen{id + "-unchosen",
                 "Experts that the strong routing leaves out",
                 "Of the experts that a routing chose, the share that the strong routing did not choose for "
                 "the same token and block.",
                 {"% of the experts chosen"},
                 {""},
                 {{"", {}}},
                 true};
  for (const auto& [key, name] : kKinds) kl.series.push_back({name, {}});
  Table table{{"routing", "kind", "KL, nats", "low", "high", "tokens"}}, shares{{"routing", "unchosen, %"}};
  for (const JsonValue& row : d.at("rows").list(0, kMostRows)) {
    const std::string other = row.at("other").text();
    const double at = static_cast<double>(kl.y.names.size());
    kl.y.names.push_back(other);
    for (size_t k = 0; k < std::size(kKinds); ++k) {
      const JsonValue score = row.at("kl").at(kKinds[k].first);
      Mark m = interval_mark(score, at + 0.22 * (static_cast<double>(k) - 1), other);
      table.push_back({other, kKinds[k].second, cell(m.x), cell(m.low), cell(m.high),
                       cat(score.at("n").integer(0, INT64_MAX))});
      kl.series[k].marks.push_back(m);
    }
    if (const auto share = row.find("unchosen")) {
      const double percent = 100 * share->real(0, 1);
      unchosen.series[0].marks.push_back(
          {percent, static_cast<double>(unchosen.y.names.size()), NAN, NAN, other});
      unchosen.y.names.push_back(other);
      shares.push_back({other, cell(percent)});
    }
  }
  const std::string from =
      cat(model_of(d), "; strong routing ", d.at("strong").text(), "; ", d.at("texts").integer(0, INT64_MAX),
          " texts of at most ", d.at("tokens_a_text").integer(0, INT64_MAX),
          " tokens; 95% intervals by bootstrap over texts.");
  std::vector<Figure> out{figure_of(kl, table, from)};
  if (!unchosen.y.names.empty()) out.push_back(figure_of(unchosen, shares, from));
  return out;
}

std::vector<Figure> latency_figures(const JsonValue& d, const std::string& id) {
  Chart c{id + "-latency",
          "Time a token, against greedy",
          "Answers in turns with greedy's; the median of the ratios with its 95% interval.",
          {"time of a token / greedy's"},
          {""},
          {{"", {}}},
          true};
  c.x.reference = 1;
  Table table{{"method", "seconds a 512 tokens", "time of a token / greedy's", "low", "high",
               "expert evaluations a token"}};
  for (const JsonValue& row : d.at("rows").list(0, kMostRows)) {
    const std::string name = row.at("name").text();
    const auto ratio = row.find("step_ratio_to_greedy");
    const auto evaluations = row.find("expert_evaluations_per_token");
    Mark m{NAN, static_cast<double>(c.y.names.size()), NAN, NAN, name};
    if (ratio) {
      const auto interval = row.at("step_ratio_to_greedy_interval").list(2, 2);
      m.x = number(*ratio), m.low = number(interval[0]), m.high = number(interval[1]);
      c.series[0].marks.push_back(m);
      c.y.names.push_back(name);
    }
    table.push_back({name, cell(number(row.at("seconds_per_512_tokens"))), cell(m.x), cell(m.low),
                     cell(m.high), evaluations ? cell(number(*evaluations)) : ""});
  }
  const auto device = d.find("device");
  return {figure_of(
      c, table,
      cat(model_of(d), device ? "; " + device->text() : "", "; ", d.at("repeats").integer(1, INT32_MAX),
          " repeats of ", d.at("n_gen").integer(1, INT32_MAX), " tokens, interleaved."))};
}

std::vector<Figure> profile_figures(const JsonValue& d, const std::string& id) {
  Chart r{id + "-intensity",
          "How much blocks matter for hard tokens",
          "R of every block: how much more hard tokens change than easy ones when the block is perturbed, "
          "with its 95% interval.",
          {"block"},
          {"R"},
          {{"R", {}, true}}};
  Chart k{id + "-budget",
          "Experts of every block",
          "The number of experts that the plan runs in every block; the model's own is the line.",
          {"block"},
          {"experts a token"},
          {{"plan", {}, true, true}}};
  r.x.whole = k.x.whole = k.y.whole = true;
  k.y.reference = static_cast<double>(d.at("k").integer(1, INT32_MAX));
  Table layers{{"block", "R", "low", "high", "experts"}};
  for (const JsonValue& layer : d.at("layers").list(0, kMostRows)) {
    const auto block = static_cast<double>(layer.at("block").integer(0, INT32_MAX));
    const auto ci = layer.at("R_ci").list(2, 2);
    const auto budget = static_cast<double>(layer.at("k").integer(0, INT32_MAX));
    r.series[0].marks.push_back(
        {block, number(layer.at("R")), number(ci[0]), number(ci[1]), cat("block ", block)});
    k.series[0].marks.push_back({block, budget, NAN, NAN, cat("block ", block)});
    layers.push_back(
        {cell(block), cell(number(layer.at("R"))), cell(number(ci[0])), cell(number(ci[1])), cell(budget)});
  }
  Chart s{id + "-dormant",
          "Dormant experts",
          "Every expert with enough hard tokens: what its absence costs them (causal impact) against how "
          "sure the router is of it. Dormant: among the upper quarter by impact and the lower half by gate.",
          {"mean gate on hard tokens (confidence)"},
          {"causal impact, nats (competence)"},
          {{"dormant", {}}, {"others", {}, false, false, true}},
          false,
          true};
  s.y.reference = 0;
  Table experts{{"expert", "gate", "impact", "at least", "hard tokens", "dormant"}};
  std::vector<std::string> dormant;
  for (const JsonValue& e : d.at("dormant").list(0, kMostRows)) dormant.push_back(e.at("expert").text());
  for (const JsonValue& e : d.at("most_causal").list(0, kMostRows)) {
    const std::string name = e.at("expert").text();
    const bool is = std::ranges::count(dormant, name) > 0;
    Mark m{number(e.at("gate")), number(e.at("impact")), NAN, NAN,
           cat("block ", name.substr(0, name.find('.')), " expert ", name.substr(name.find('.') + 1))};
    experts.push_back({name, cell(m.x), cell(m.y), cell(number(e.at("at_least"))),
                       cat(e.at("samples").integer(0, INT64_MAX)), is ? "yes" : "no"});
    if (!is) m.label = "";  // only the dormant ones are named in the drawing
    s.series[is ? 0 : 1].marks.push_back(m);
  }
  std::string from =
      cat("Model ", d.at("fingerprint").text().substr(0, 12), "; ", d.at("n_scored").integer(0, INT64_MAX),
          " scored tokens, ", d.at("n_hard").integer(0, INT64_MAX), " hard, ",
          d.at("n_easy").integer(0, INT64_MAX), " easy; 95% intervals by bootstrap.");
  if (const auto warning = d.find("warning"); warning && !warning->text().empty())
    from += cat(" Note: ", warning->text(), ".");
  std::vector<Figure> out{figure_of(r, layers, from), figure_of(k, layers, from),
                          figure_of(s, experts, from)};
  const auto evidence = d.find("evidence");
  if (!evidence) return out;
  Chart c{id + "-certificate",
          "What one expert less and one more change",
          evidence->at("verdict").text(),
          {"block"},
          {"change of NLL, nats a token"},
          {{"one less, all tokens", {}}, {"one more, all tokens", {}}}};
  c.x.whole = true, c.y.reference = 0;
  Table table{{"block", "change", "NLL, nats", "low", "high"}};
  const auto blocks = d.at("layers").list(0, kMostRows);
  for (size_t side = 0; side < 2; ++side) {
    const auto changes = evidence->at(side ? "one_more" : "one_less").list(0, kMostRows);
    for (size_t l = 0; l < std::min(changes.size(), blocks.size()); ++l) {
      const auto all = changes[l].find("all");
      if (!all) continue;
      const auto three = all->reals(3, 3, -kMost, kMost);
      const auto block = static_cast<double>(blocks[l].at("block").integer(0, INT32_MAX));
      c.series[side].marks.push_back(
          {block + (side ? 0.15 : -0.15), three[0], three[1], three[2], cat("block ", block)});
      table.push_back(
          {cell(block), side ? "one more" : "one less", cell(three[0]), cell(three[1]), cell(three[2])});
    }
  }
  out.push_back(figure_of(c, table, from));
  return out;
}

std::vector<Figure> headroom_figures(const JsonValue& d, const std::string& id) {
  Chart c{id + "-headroom",
          "How much another route could help",
          d.at("verdict").text(),
          {"gain, nats a hard token"},
          {""},
          {{"", {}}},
          true};
  c.x.reference = 0;
  Table table{{"swap", "gain, nats", "low", "high"}};
  for (const auto& [key, name] : {std::pair{"oracle", "the best, knowing the answer"},
                                  {"static", "a static bias, on other documents"},
                                  {"shuffled", "the same, names shuffled"},
                                  {"random", "any swap"}}) {
    const Mark m = interval_mark(d.at(key), static_cast<double>(c.y.names.size()), name);
    c.y.names.emplace_back(name);
    c.series[0].marks.push_back(m);
    table.push_back({name, cell(m.x), cell(m.low), cell(m.high)});
  }
  Chart l{id + "-headroom-blocks",
          "Where the best swaps are",
          "Mean gain of a hard token's best swap in each block, 0 where none gains, and of any swap.",
          {"block"},
          {"gain, nats a hard token"},
          {{"best swap", {}, true}, {"any swap", {}, true}}};
  l.x.whole = true, l.y.reference = 0;
  Table layers{{"block", "best swap", "any swap", "share of the best of all, %"}};
  for (const JsonValue& row : d.at("layers").list(0, kMostRows)) {
    const auto block = static_cast<double>(row.at("layer").integer(0, INT32_MAX));
    l.series[0].marks.push_back({block, number(row.at("oracle")), NAN, NAN, cat("block ", block)});
    l.series[1].marks.push_back({block, number(row.at("random")), NAN, NAN, cat("block ", block)});
    layers.push_back({cell(block), cell(number(row.at("oracle"))), cell(number(row.at("random"))),
                      cell(100 * number(row.at("best_share")))});
  }
  const std::string from =
      cat(d.at("hard").integer(0, INT64_MAX), " hard tokens of ", d.at("documents").integer(0, INT64_MAX),
          " documents, ", d.at("swaps").integer(0, INT64_MAX),
          " swaps; 95% intervals by bootstrap over documents.");
  return {figure_of(c, table, from), figure_of(l, layers, from)};
}

}  // namespace rouse
