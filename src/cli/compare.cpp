/// cli/compare.cpp - one prompt under several methods and routings, side by side: what they say and what it
/// cost. A speed of one run says little, so ratios come with --repeat, interleaved; `rouse bench` measures.
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/expert_map.h"
#include "cli/output.h"
#include "report/comparison.h"
#include "report/expert_use.h"

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
    for (const Json& line : row["strip"]) {
      const bool weak = line.contains("weak");
      std::printf("  %sblk %2d %s%s%s\n", dim, line["layer"].get<int>(), weak ? "strong " : "",
                  expert_map(line["used"].get<std::vector<int>>()).c_str(), off);
      if (weak)
        std::printf("  %s       weak   %s%s\n", dim, expert_map(line["weak"].get<std::vector<int>>()).c_str(),
                    off);
    }
  std::printf("\n");
}

int compare(const CompareOptions& o, const std::atomic<bool>& stop) {
  const std::string text = prompt_text(o.prompt);
  std::vector<MethodOptions> methods;
  for (const std::string& v : o.with) methods.push_back(parse_variant(v));
  methods.push_back(parse_variant("scmoe"));  // of the default variants
  Session session(o.model, methods);
  const RouterSpec& router = session.router();
  const std::vector<int> prompt = prompt_tokens(o.prompt, *session.tokenizer, text);
  Comparison comparison{o.with.empty() ? default_variants(router) : o.with, o.generate, o.n_repeat};
  std::vector<std::string>& variants = comparison.variants;
  if (variants[0] != "greedy") variants.insert(variants.begin(), "greedy");  // what the others are set beside
  if (!o.json) {
    std::printf("%s, %s\n", printable(session.engine->spec().name).c_str(), session.devices->text().c_str());
    std::printf("prompt: %zu tokens, at most %d to answer; %s\n\n", prompt.size(),
                session.limited(o.generate).n_predict,
                o.n_repeat > 1 ? cat("speeds are medians of ", o.n_repeat, " runs").c_str()
                               : "speeds are of one run, --repeat N compares them");
  }
  const bool strip = o.strip || (router.moe() && router.layers.size() <= 8 && router.n_expert <= 128);
  if (strip && !o.json) std::printf("experts: %s\n\n", kExpertMapLegend);
  std::optional<ProgressBar> bar;
  if (o.n_repeat > 1) bar.emplace("repeating");
  std::optional<std::string> base_text;
  const auto print = [&](const Json& row) {
    bar.reset();
    if (!o.json) print_variant(row, base_text.value_or(""), !base_text, strip);
    flush_output();
    if (!base_text) base_text = row["text"].get<std::string>();
  };
  const Json rows = compare_variants(session, prompt, comparison,
                                     {[&](double done) {
                                        if (bar) bar->update(done);
                                      },
                                      print, &stop});
  if (o.json) print_json({{"model", session.engine->spec().name}, {"rows", rows}});
  return stop ? static_cast<int>(Exit::interrupted) : 0;
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
  add_json_option(*sub, o->json);
  sub->footer("Routing policies:\n" + policy_help() + "Methods:\n" + method_help());
  on_run(*sub, [o](const std::atomic<bool>& stop) { return compare(*o, stop); });
}

}  // namespace rouse
