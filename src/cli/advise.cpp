/// cli/advise.cpp - the flags of `rouse advise`, and what it shows on the way.
#include "advice/advise.h"

#include <iostream>

#include "advice/advice_page.h"
#include "advice/advice_text.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace rouse {
namespace {

struct AdviseCommand {
  AdviseOptions options;
  std::string budget = "20m";
  bool json = false;
};

/// "90s", "20m", "2h", or seconds.
double seconds_of(const std::string& text) {
  const auto unit = [&](char c) { return c == 's' ? 1.0 : c == 'm' ? 60.0 : c == 'h' ? 3600.0 : 0.0; };
  const double factor = text.empty() ? 0 : unit(text.back());
  const auto number = parse_double(factor > 0 ? text.substr(0, text.size() - 1) : text);
  const double seconds = number ? *number * (factor > 0 ? factor : 1) : 0;
  require_usage(seconds >= 1 && seconds <= 30 * 24 * 3600.0, "--budget is \"", text,
                "\", expected a time such as 90s, 20m or 2h, up to 720h");
  return seconds;
}

int advise(const AdviseCommand& c, const std::atomic<bool>& stop) {
  AdviseOptions o = c.options;
  o.budget_seconds = seconds_of(c.budget);
  if (o.output.empty()) o.output = "advice-" + std::filesystem::path(model_path(o.model)).stem().string();
  std::optional<ProgressBar> bar;
  AdviseEvents events;
  events.file = [&](const Json& model) {
    std::cerr << wrapped(advice_model_text(model), terminal_width(2)) << "\n";
  };
  events.reckoned = [&](const Reckoning& r) {
    std::cerr << wrapped(reckoning_text(r, o.budget_seconds), terminal_width(2)) << "\n";
  };
  events.part = [&](const std::string& part) { bar.emplace(part); };
  events.progress = [&](double done) {
    if (bar) bar->update(done);
  };
  events.note = [&](const std::string& text) {
    bar.reset();
    std::fprintf(stderr, "rouse: %s\n", printable(text, true).c_str());
  };
  events.stop = &stop;
  const Json advice = rouse::advise(o, events);
  bar.reset();
  if (advice.is_null())
    throw Error(cat("interrupted; what is done is kept in ", o.output, ", the same command goes on"),
                ErrorKind::interrupted);
  if (o.reckon_only) {
    if (c.json) print_json(advice);
    return 0;
  }
  const std::string page = (std::filesystem::path(o.output) / "advice.html").string();
  const SavedReport report = advice_report(advice);
  write_whole(page, html_page(report.title, report.intro, report.sections));
  if (c.json)
    print_json(advice);
  else
    std::cout << wrapped(advice_words(advice), terminal_width(1)) << advice_text(advice);
  std::fprintf(stderr, "\n%s, and the same as a page: %s\n",
               (std::filesystem::path(o.output) / "advice.json").c_str(), page.c_str());
  return 0;
}

}  // namespace

void add_advise(CLI::App& app) {
  auto c = std::make_shared<AdviseCommand>();
  AdviseOptions* o = &c->options;
  CLI::App* sub = app.add_subcommand(
      "advise",
      "Does it help my model? A trial of routings and methods within a budget of time, with verdicts");
  add_model_options(*sub, o->model);
  sub->add_option(
      "--text", o->texts,
      "text to try routings on: .jsonl with `text`, or plain text; half is learned from, half judged "
      "on; repeatable (default: an open text that comes with rouse)");
  sub->add_option("--tasks", o->tasks,
                  "benchmarks to try everything on, separated by commas (default: those that come with "
                  "rouse; none: none)")
      ->delimiter(',');
  sub->add_option("--data", o->data, "folder with the benchmarks' files");
  sub->add_option("--budget", c->budget, "time that all may take, about: 90s, 20m, 2h")
      ->capture_default_str();
  sub->add_option("--document-tokens", o->n_token, "a document is cut to this many tokens")
      ->capture_default_str()
      ->check(CLI::Range(16, 4096));
  sub->add_option("-s,--seed", o->seed, "seed of every draw")->capture_default_str();
  sub->add_option("-o,--output", o->output,
                  "folder for all that is made; running again goes on there (default: advice-MODEL)");
  sub->add_flag("--dry-run", o->reckon_only, "say what would be run and how long it would take, and stop");
  add_force_option(*sub, o->force);
  add_json_option(*sub, c->json);
  on_run(*sub, [c](const std::atomic<bool>& stop) { return advise(*c, stop); });
}

}  // namespace rouse
