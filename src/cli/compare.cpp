/// cli/compare.cpp - one prompt under several methods and routings, side by side: what they say and what it
/// cost. A speed of one run says little, so ratios come with --repeat, interleaved; `rouse bench` measures.
#include <algorithm>
#include <iostream>
#include <set>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"

namespace rouse {
namespace {

struct CompareOptions {
  ModelOptions model;
  PromptOptions prompt;
  GenerateOptions generate;
  std::vector<std::string> with;
  int n_repeat = 1;
  bool json = false, strip = false;
};

/// The standard rule, SCMoE, and routings on either side of it.
std::vector<std::string> default_variants(const RouterSpec& router) {
  if (!router.moe()) return {"greedy"};
  const int k = router.n_expert_used;
  return {"greedy",        "scmoe",    cat("topk:", std::min(2 * k, router.n_selectable())),
          cat("rank:", k), "random:1", "dynamic:0.6"};
}

/// How often each expert ran in each block while generating: [n_moe_layer][n_expert], of one stream.
std::vector<std::vector<int>> expert_use(const Generation& g, int stream, const RouterSpec& router) {
  std::vector<std::vector<int>> use(router.layers.size(),
                                    std::vector<int>(static_cast<size_t>(router.n_expert)));
  for (const RoutedPosition& p : g.routed())
    if (p.stream == stream && p.position >= static_cast<int64_t>(g.prompt().size()) - 1)
      for (size_t l = 0; l < p.layers.size(); ++l)
        for (const int e : p.layers[l].experts) ++use[l][static_cast<size_t>(e)];
  return use;
}

/// Share of the experts that the weak stream used and the strong one, at the same position and block, did
/// not; -1: none.
double unchosen_share(const Generation& g) {
  std::map<int64_t, const RoutedPosition*> strong;
  for (const RoutedPosition& p : g.routed())
    if (p.stream == 0) strong[p.position] = &p;
  int64_t n = 0, unchosen = 0;
  for (const RoutedPosition& p : g.routed()) {
    if (p.stream != 1 || !strong.count(p.position)) continue;
    for (size_t l = 0; l < p.layers.size(); ++l) {
      const auto& chosen = strong[p.position]->layers[l].experts;
      for (const int e : p.layers[l].experts)
        ++n, unchosen += std::count(chosen.begin(), chosen.end(), e) == 0;
    }
  }
  return n ? static_cast<double>(unchosen) / static_cast<double>(n) : -1;
}

/// One character an expert, darker with use; "." was never used.
std::string strip_text(const std::vector<int>& use) {
  static const char* kShades[] = {".", "░", "▒", "▓", "█"};
  const int most = std::max(1, *std::max_element(use.begin(), use.end()));
  std::string out;
  for (const int n : use) out += kShades[n == 0 ? 0 : 1 + std::min(3, 4 * n / (most + 1))];
  return out;
}

/// Where `text` first differs from `base`: equal length when it does not.
size_t first_difference(const std::string& base, const std::string& text) {
  const size_t n = std::min(base.size(), text.size());
  size_t i = 0;
  while (i < n && base[i] == text[i]) ++i;
  while (i > 0 && i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80)
    --i;  // to a character's start
  return i;
}

void print_variant(const Json& row, const std::string& base_text, bool first, bool strip) {
  const bool color = use_color();
  const char *bold = color ? "\033[1m" : "", *mark = color ? "\033[33m" : "", *dim = color ? "\033[2m" : "",
             *off = color ? "\033[0m" : "";
  const std::string text = row["text"];
  const size_t at = first ? text.size() : first_difference(base_text, text);
  std::printf("%s%s%s\n", bold, row["variant"].get<std::string>().c_str(), off);
  const bool same = !first && at == text.size() && text.size() == base_text.size();
  std::string shown = text.substr(0, at);
  if (!same && !first) shown += std::string(mark) + (color ? "" : ">>") + text.substr(at) + off;
  std::string indented;
  for (const char c : shown) indented += c == '\n' ? std::string("\n  ") : std::string(1, c);
  std::printf("  %s%s\n", std::string(trim(indented)).c_str(),
              same ? cat(dim, "  (the same)", off).c_str() : "");
  std::printf("  %sprefill %.0f tok/s   step %.1f tok/s   ", dim,
              row["timings"]["prefill_tok_s"].get<double>(), row["timings"]["step_tok_s"].get<double>());
  if (row.contains("step_ratio_to_greedy")) {
    const Json& interval = row["step_ratio_to_greedy_interval"];
    std::printf("time of a token %.2f [%.2f, %.2f] of greedy's   ", row["step_ratio_to_greedy"].get<double>(),
                interval[0].get<double>(), interval[1].get<double>());
  }
  std::printf("%.1f expert evaluations a token", row["cost"].value("expert_evaluations_per_token", 0.0));
  if (row.contains("unchosen_share"))
    std::printf("   %.0f%% of weak experts unchosen by strong", 100 * row["unchosen_share"].get<double>());
  std::printf("%s\n", off);
  if (strip)
    for (const auto& line : row["strip"])
      std::printf("  %sblk %2d %s%s\n", dim, line["layer"].get<int>(),
                  strip_text(line["used"].get<std::vector<int>>()).c_str(), off);
  std::printf("\n");
}

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

int compare(const CompareOptions& o) {
  const std::string text = prompt_text(o.prompt);
  std::vector<MethodOptions> methods;
  for (const std::string& v : o.with) methods.push_back(parse_variant(v));
  methods.push_back(parse_variant("scmoe"));  // of the default variants
  Session session(o.model, methods);
  const RouterSpec& router = session.model->spec().router;
  const std::vector<int> prompt = prompt_tokens(o.prompt, *session.tokenizer, text);
  std::vector<std::string> variants = o.with.empty() ? default_variants(router) : o.with;
  if (variants[0] != "greedy") variants.insert(variants.begin(), "greedy");  // what the others are set beside
  methods.clear();
  for (const std::string& v : variants) {
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
    run_generations(session.engines(), {&one, 1}, &interrupted);
    return g;
  };
  if (!o.json) {
    std::printf("%s, %s\n", printable(session.model->spec().name).c_str(), session.devices->text().c_str());
    std::printf("prompt: %zu tokens, at most %d to answer; %s\n\n", prompt.size(), o.generate.n_predict,
                o.n_repeat > 1 ? cat("speeds are medians of ", o.n_repeat, " runs").c_str()
                               : "speeds are of one run, --repeat N compares them");
  }
  std::vector<std::vector<Times>> times(variants.size());  // [variant][repeat]
  if (o.n_repeat > 1) {
    ProgressBar bar("repeating");
    const double n = (o.n_repeat + 1) * static_cast<double>(variants.size());
    for (int repeat = -1; repeat < o.n_repeat && !interrupted; ++repeat)  // the first is a warm-up
      for (size_t i = 0; i < variants.size() && !interrupted; ++i) {
        const Times t = times_of(*generate(methods[i], o.generate.n_predict));
        if (repeat >= 0) times[i].push_back(t);
        bar.update(((repeat + 1) * static_cast<double>(variants.size()) + static_cast<double>(i + 1)) / n);
      }
  }
  Json rows = Json::array();
  const bool strip = o.strip || (router.moe() && router.layers.size() <= 8 && router.n_expert <= 128);
  for (size_t i = 0; i < variants.size() && !interrupted; ++i) {
    generate(methods[i], std::min(o.generate.n_predict, 4));  // graphs and caches warm
    const auto g = generate(methods[i], o.generate.n_predict);
    Json row = generation_json(*g, methods[i], router);
    row["variant"] = variant_label(resolved(methods[i], router), g->method().streams()[0].policy);
    if (o.n_repeat > 1) add_speeds(row, times[0], times[i]);
    if (const double share = unchosen_share(*g); share >= 0) row["unchosen_share"] = share;
    row["strip"] = Json::array();
    const auto use = expert_use(*g, 0, router);
    for (size_t l = 0; l < use.size(); ++l)
      row["strip"].push_back({{"layer", router.layers[l]}, {"used", use[l]}});
    if (!o.json) print_variant(row, rows.empty() ? "" : rows[0]["text"].get<std::string>(), i == 0, strip);
    flush_output();
    rows.push_back(std::move(row));
  }
  if (o.json)
    std::cout << Json{{"model", session.model->spec().name}, {"rows", rows}}.dump(
                     -1, ' ', false, Json::error_handler_t::replace)
              << '\n';
  return interrupted ? static_cast<int>(Exit::interrupted) : 0;
}

}  // namespace

void add_compare(CLI::App& app) {
  auto o = std::make_shared<CompareOptions>();
  o->generate.n_predict = 128;
  CLI::App* sub =
      app.add_subcommand("compare", "One prompt under several methods and routings, side by side");
  add_model_options(*sub, o->model);
  add_prompt_options(*sub, o->prompt);
  add_generate_options(*sub, o->generate);
  sub->add_option(
      "--with", o->with,
      "\"METHOD|POLICY [name=value...]\", such as \"scmoe weak=rank:3 beta=0.8\" or topk:4; repeatable");
  sub->add_option(
         "--repeat", o->n_repeat,
         "run everything so often, in turn after a warm-up: median speeds, and the time of a token beside "
         "greedy's with a 95% interval")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  sub->add_flag("--strip", o->strip, "show the used experts of every block (default for small models)");
  sub->add_flag("--json", o->json, "print JSON");
  sub->footer("Routing policies:\n" + policy_help() + "Methods:\n" + method_help());
  on_run(*sub, [o] { return compare(*o); });
}

}  // namespace rouse
