/// cli/demo.cpp - the tour of `rouse demo`: what routing is, and what changes when it does, on the default
/// model. Its facts and problems stand in models/lab2; what whole sets say, in docs/results.md.
#include <algorithm>
#include <iostream>

#include "base/quoting.h"
#include "base/text.h"
#include "calibration/whatif.h"
#include "cli/command.h"
#include "cli/expert_map.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "report/expert_use.h"

namespace rouse {
namespace {

constexpr const char* kFact = "What is the capital city of India?";
/// The first of the 1,200 problems of the test set where greedy and SCMoE answer differently, and its answer.
constexpr const char* kProblem =
    "Ivy has 272 pencils. Ivy shares them equally among 2 friends and looks at one share. Ivy finds 98 more. "
    "Yara is 44 years old. Ivy gives 106 pencils to Yara. Ivy finds 54 more. How many pencils does Ivy end "
    "up with?";
constexpr const char* kProblemAnswer = "182";
constexpr const char* kProblemScores = "of all 1,200, greedy solves 49% [46, 52] and SCMoE 44% [41, 47]";

/// Titles, paragraphs and pauses.
class Stage {
 public:
  explicit Stage(bool pause) : pause_(pause) {}
  void scene(const char* title) {
    if (n_ > 0 && pause_) {
      print_now(cat(dim(), "-- Enter goes on --", off()));
      std::string ignored;
      std::getline(std::cin, ignored);
    }
    print_now(cat(n_ > 0 ? "\n" : "", bold(), n_ + 1, "  ", title, off(), "\n\n"));
    ++n_;
  }
  void say(const std::string& text) { print_now(text + "\n"); }
  /// A map of experts, a line a block.
  void map(const Generation& g, int stream, const RouterSpec& router) {
    const auto use = expert_use(g, stream, router);
    for (size_t l = 0; l < use.size(); ++l)
      say(cat(dim(), formatted("   %2d ", router.layers[l]), expert_map(use[l]), off()));
  }
  const char* bold() const { return color_ ? "\033[1m" : ""; }
  const char* dim() const { return color_ ? "\033[2m" : ""; }
  const char* off() const { return color_ ? "\033[0m" : ""; }

 private:
  bool pause_, color_ = use_color();
  int n_ = 0;
};

class Tour {
 public:
  Tour(Stage& stage, const std::atomic<bool>& stop) : stage_(stage), stop_(stop) {}

  int run() {
    what_it_is();
    who_answered();
    without_one();
    two_routings();
    your_own();
    return stop_ ? static_cast<int>(Exit::interrupted) : 0;
  }

 private:
  std::vector<int> prompt(const std::string& text) const {
    PromptOptions o;
    o.prompt = text;
    return prompt_tokens(o, *session_.tokenizer);
  }
  std::unique_ptr<Generation> answer(const std::string& question, const std::string& method) const {
    GenerateOptions o;
    o.n_predict = 160;
    o.routing = true;
    auto g = session_.start(parse_variant(method), prompt(question), o);
    Generation* one = g.get();
    run_generations(session_.engines(), {&one, 1}, &stop_);
    return g;
  }
  static std::string text_of(const Generation& g) { return std::string(trim(g.answer_text())); }
  void show(const char* name, const std::string& text) {
    stage_.say(cat("   ", padded(name, 9), stage_.bold(), text, stage_.off()));
  }

  void what_it_is() {
    const RouterSpec& r = session_.router();
    stage_.scene("A mixture of experts");
    stage_.say(paragraph(
        cat(session_.spec->name, " has ", r.layers.size(), " blocks with ", r.n_expert,
            " small networks each, its experts. For every token a router picks the ", r.n_expert_used,
            " best-scored ones of a block; the other ", r.n_expert - r.n_expert_used,
            " sleep. rouse lets you choose otherwise, for each request, without training.")));
  }
  void who_answered() {
    stage_.scene("Who answered?");
    const auto g = answer(kFact, "greedy");
    stage_.say(cat("   ", kFact));
    fact_ = text_of(*g);
    show("answer", fact_);
    stage_.say(cat("\n   ", kExpertMapLegend));
    stage_.map(*g, 0, session_.router());
  }
  /// Bans each expert that chose the answer's first token, in turn: the worst loss, and the median as
  /// control.
  void without_one() {
    stage_.scene("Without one of them");
    const std::vector<int> asked = prompt(kFact);
    const std::vector<int> continuation = session_.tokenizer->encode(" " + fact_, false, false);
    Json changes =
        what_if(*session_.engine, *session_.tokenizer, {asked, continuation, 1, {}, true}, {}, &stop_);
    std::vector<std::pair<double, std::string>> bans;
    for (const Json& a : changes) {
      const std::string what = a["what"];
      if (what.starts_with("ban ")) bans.emplace_back(a["change"].get<double>(), what.substr(4));
    }
    std::sort(bans.begin(), bans.end());
    const auto& [worst, expert] = bans.at(0);
    const double median = bans.at(bans.size() / 2).first;
    const size_t dot = expert.find('.');
    stage_.say(paragraph(
        cat(bans.size(),
            " experts made that answer's first token. Taking each away in turn, most change nothing (median ",
            formatted("%+.3f", median), " nats). Without expert ", expert.substr(dot + 1), " of block ",
            expert.substr(0, dot), " the answer is ", formatted("%.0f", std::exp(-worst)),
            " times less likely (", formatted("%+.2f", worst), " nats):")));
    const std::string routing = "topk+mask:" + expert;
    const auto g = answer(kFact, routing);
    stage_.say(cat("\n   ", kFact));
    show("all", fact_);
    show("without", text_of(*g));
    stage_.say(cat("\n   ", stage_.dim(), "rouse run -p ", shell_quoted(kFact), " --routing ", routing,
                   stage_.off()));
  }
  void two_routings() {
    stage_.scene("One question, two routings");
    stage_.say(paragraph("SCMoE contrasts the model with a weak routing of itself: each token's best expert "
                         "alone. Of the test "
                         "problems, this is the first where it changes the answer:") +
               "\n");
    stage_.say(paragraph(kProblem, 5));
    const auto greedy = answer(kProblem, "greedy"), scmoe = answer(kProblem, "scmoe");
    stage_.say("\n   greedy says\n" + paragraph(text_of(*greedy), 5));
    stage_.say("   SCMoE says\n" + paragraph(text_of(*scmoe), 5));
    stage_.say("\n   the experts of SCMoE's strong stream");
    stage_.map(*scmoe, 0, session_.router());
    stage_.say("   and of its weak one");
    stage_.map(*scmoe, 1, session_.router());
    stage_.say("\n" + paragraph(cat("The right answer is ", kProblemAnswer, ". One example proves nothing: ",
                                    kProblemScores, " (docs/results.md). So measure before you choose.")));
  }
  void your_own() {
    stage_.scene("Your own model");
    stage_.say(
        "   rouse inspect model.gguf                   what it is and what can be done\n"
        "   rouse run -m model.gguf -p '...'           an answer; --routing topk:4\n"
        "   rouse compare -m model.gguf -p '...'       several routings side by side\n"
        "   rouse headroom -m model.gguf               can other experts know better?\n"
        "   rouse eval -m model.gguf --tasks arc_easy  what a method is worth\n"
        "   rouse serve -m model.gguf                  OpenAI's API, routed by request");
  }

  static std::string paragraph(const std::string& text, size_t indent = 3) {
    return wrapped(std::string(indent, ' ') + text, 80);
  }

  Stage& stage_;
  const std::atomic<bool>& stop_;
  Session session_{ModelOptions{}, 4};
  std::string fact_;
};

}  // namespace

void add_demo(CLI::App& app) {
  auto pause = std::make_shared<bool>(true);
  CLI::App* sub = app.add_subcommand("demo", "A tour of routing on the default model, in five short scenes");
  sub->add_flag("--pause,!--no-pause", *pause,
                "wait for Enter after each scene where a person reads (default)");
  refuse_json(*sub, "it is a show; the commands that it names have one");
  on_run(*sub, [pause](const std::atomic<bool>& stop) {
    Stage stage(*pause && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
    return Tour(stage, stop).run();
  });
}

}  // namespace rouse
