/// cli/report.cpp - the flags of `rouse report`: saved results as a page, and analyses of them and of a
/// model's routings as JSON.
#include <filesystem>

#include "advice/advice_page.h"
#include "base/error.h"
#include "base/files.h"
#include "base/output_file.h"
#include "cli/output.h"
#include "cli/steps.h"
#include "report/frontier.h"

namespace rouse {
Json run_divergence(const DivergenceOptions& o, const std::atomic<bool>& stop) {
  ProgressBar bar("divergence");
  return divergence_report(
      o, [&](double done) { bar.update(done); }, &stop);
}

namespace {

struct HtmlCommand {
  std::vector<std::string> paths;
  std::string output, svg, markdown, title;
  bool force = false;
};

/// One page of all that is named.
SavedReport joined_report(const HtmlCommand& c) {
  SavedReport out;
  for (size_t i = 0; i < c.paths.size(); ++i) {
    const std::string id = c.paths.size() == 1 ? "f" : cat("f", i + 1), advice = c.paths[i] + "/advice.json";
    SavedReport one =
        std::filesystem::exists(advice) ? advice_report(read_json(advice), id) : saved_report(c.paths[i], id);
    if (c.paths.size() == 1) out.title = one.title;
    out.intro += cat(out.intro.empty() ? "" : "\n", one.intro);
    for (Section& s : one.sections) {
      if (c.paths.size() > 1) s.title = cat(c.paths[i], ": ", s.title);
      out.sections.push_back(std::move(s));
    }
  }
  if (!c.title.empty()) out.title = c.title;
  if (out.title.empty()) out.title = "Report";
  return out;
}

Json write_report(const HtmlCommand& c) {
  namespace fs = std::filesystem;
  const SavedReport report = joined_report(c);
  OutputFile page(c.output, c.force);
  std::optional<OutputFile> markdown;
  if (!c.markdown.empty()) markdown.emplace(c.markdown, c.force);
  size_t n = 0;
  if (!c.svg.empty()) fs::create_directories(c.svg);
  for (const Section& s : report.sections)
    for (const Figure& f : s.figures) {
      ++n;
      if (!c.svg.empty() && !f.svg.empty())
        write_whole((fs::path(c.svg) / (f.id + ".svg")).string(), standalone_svg(f.svg));
    }
  page.stream() << html_page(report.title, report.intro, report.sections);
  page.commit();
  if (markdown) {
    const fs::path beside = fs::absolute(c.markdown).parent_path();
    markdown->stream() << markdown_page(
        report.title, report.intro, report.sections,
        c.svg.empty() ? "" : fs::absolute(c.svg).lexically_relative(beside).string());
    markdown->commit();
  }
  return {{"page", c.output}, {"figures", n}};
}

void add_html(CLI::App& report) {
  auto c = std::make_shared<HtmlCommand>();
  CLI::App* sub = report.add_subcommand(
      "html",
      "Figures and tables of saved results as one page that needs nothing else: scores, sweeps, cost, votes, "
      "divergence, latency, plans, headroom, advice");
  sub->add_option("results", c->paths,
                  "folders of `rouse repro`, `rouse eval -o` or `rouse advise`, plans, JSON of headroom, "
                  "report divergence and bench")
      ->required();
  sub->add_option("-o,--output", c->output, "page to write")->required();
  sub->add_option("--svg", c->svg, "also every figure as an SVG into this folder");
  sub->add_option("--markdown-file", c->markdown,
                  "also the tables as Markdown into this file, with the figures of --svg");
  sub->add_option("--title", c->title, "the page's title");
  add_force_option(*sub, c->force);
  on_result(
      *sub, [c](const std::atomic<bool>&) { return write_report(*c); },
      [](const Json& d) {
        std::fprintf(stderr, "%s: %d figures\n", d["page"].get<std::string>().c_str(),
                     d["figures"].get<int>());
      });
}

}  // namespace

void add_report(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("report", "Saved results as a page of figures, and analyses as JSON");
  sub->require_subcommand(1);
  add_html(*sub);
  sub->footer(
      "The layer profile and dormant experts of a plan: rouse plan show PLAN --json. Latencies: rouse bench "
      "--json.");
  auto folders = std::make_shared<std::vector<std::string>>();
  const auto over_runs = [&](const char* name, const char* help, Json (*make)(std::span<const EvalRun>)) {
    CLI::App* c = sub->add_subcommand(name, help);
    c->add_option("folders", *folders, "folders of `rouse eval -o`, or of single runs in them")->required();
    on_result(
        *c,
        [folders, make](const std::atomic<bool>&) {
          std::vector<EvalRun> runs;
          for (const std::string& folder : *folders)
            for (EvalRun& run : read_runs(folder)) runs.push_back(std::move(run));
          return make(runs);
        },
        print_json);
  };
  over_runs("sweep", "every run's score and cost, by task: routing sweeps (k, rank) and grids", points_of);
  over_runs("pareto", "the same by cost: which settings nothing as cheap is as good as",
            [](std::span<const EvalRun> runs) { return pareto_of(points_of(runs)); });
  over_runs("votes", "major@k of runs with --samples", votes_of);

  auto o = std::make_shared<DivergenceOptions>();
  CLI::App* d = sub->add_subcommand(
      "divergence",
      "KL divergence of weak routings' distributions from the strong one's: over all tokens, in mathematical "
      "expressions, over stop words; and the share of their experts that the strong routing leaves out");
  add_model_options(*d, o->model);
  d->add_option("--text", o->text,
                "JSON Lines with `text`, or `question` and `rationale` (GSM8K); or plain text")
      ->required();
  d->add_option("--strong", o->strong, "the routing that the others are compared with")
      ->capture_default_str();
  d->add_option("--weak", o->weak, "other routings; repeatable (default rank:1 to rank:8 and random:1)")
      ->allow_extra_args(false);
  d->add_option("--amateur", o->amateur, "also a smaller model (GGUF); same vocabulary");
  d->add_option("--limit", o->n_text, "texts at most")->capture_default_str()->check(CLI::Range(1, 1 << 20));
  d->add_option("--document-tokens", o->n_token, "a text is cut to this many tokens")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 16));
  on_result(
      *d, [o](const std::atomic<bool>& stop) { return run_divergence(*o, stop); }, print_json);
}

}  // namespace rouse
