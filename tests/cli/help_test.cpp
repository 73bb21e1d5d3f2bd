/// --help of every command, and what is said to who mistypes.
#include "base/text.h"
#include "base/unicode.h"
#include "cli/app.h"
#include "cli/help_format.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "support.h"

namespace rouse {
namespace {

void walk(const CLI::App& app, size_t& n) {
  const std::string name = full_name(app), words = name == "rouse" ? "" : name.substr(6);
  const CommandResult r = rouse(words + " --help", kEnvironment + "COLUMNS=80 ");
  EXPECT_EQ(r.code, 0) << name;
  EXPECT_TRUE(r.out.starts_with("Usage: " + name + " ")) << r.out.substr(0, 80);
  for (const std::string& line : split(r.out, '\n'))
    EXPECT_LE(n_character(line), 80u) << name << ": " << line;
  EXPECT_EQ(rouse("help " + words, kEnvironment + "COLUMNS=80 ").out, r.out) << name;
  ++n;
  for (const CLI::App* c : app.get_subcommands([](const CLI::App*) { return true; })) walk(*c, n);
}

std::string complaint(const std::string& arguments) {
  const CommandResult r = rouse(arguments);
  EXPECT_EQ(r.code, 2) << arguments << r.err;
  return r.err;
}

}  // namespace

TEST(Help, OfEveryCommandBeginsWithItsUsageAndFitsATerminal) {
  CommandLine line("test");
  size_t n = 0;
  walk(line.app(), n);
  EXPECT_GT(n, 30u);
}

TEST(Help, OffersTheNearestNameOfWhatIsMistyped) {
  EXPECT_EQ(complaint("rnu"), "rouse: unknown command \"rnu\"; did you mean run?; see rouse --help\n");
  const std::pair<const char*, const char*> cases[] = {
      {"run --tmep 1 -p x", "rouse run: unknown flag --tmep; did you mean --temp?"},
      {"plan shwo", "unknown command \"shwo\"; did you mean show?"},
      {"plan", "rouse plan: give a command: show, "},
      {"help rnu", "unknown command \"rnu\"; did you mean run?"},
      {"run -p x --routing rnak:2", "did you mean rank?"},
      {"run -p x --method scmo", "did you mean scmoe?"},
      {"eval --tasks arc_esy -o x", "did you mean arc_easy?"}};
  for (const auto& [arguments, part] : cases)
    EXPECT_NE(complaint(arguments).find(part), std::string::npos)
        << arguments << ": " << complaint(arguments);
}

TEST(Help, LlamasAndTheHarnesssNamesAreKnown) {
  const CommandResult r =
      rouse("run -p x --raw --n-predict 2 -b 64 -ub 32 -ctk f32 -ctv f32 --no-mmap --json");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("has no effect"), std::string::npos) << r.err;
  const auto all = nlohmann::json::parse(rouse("run --raw -p x -n -1 -c 64 --ignore-eos --json").out);
  EXPECT_EQ(all["tokens"].size() + all["prompt_tokens"].size(), 65u) << "the last token is never run";
  EXPECT_NE(complaint("run -p x -ctv q8_0").find("expected f16"), std::string::npos);
  const auto text = [](const std::string& flag) { return rouse("run --raw -p x " + flag).out; };
  EXPECT_EQ(text("--grammar 'root ::= \"yes\"'"), "yes\n");
  EXPECT_EQ(trim(text("-j '{\"const\": 5}'")), "5");
  EXPECT_NE(rouse("eval --tasks list").out.find("arc_easy"), std::string::npos);
  EXPECT_NE(complaint("eval --tasks 'zz*' -o x").find("no task fits zz*"), std::string::npos);
}

TEST(Terminal, WrapsBelowTheSecondColumn) {
  EXPECT_EQ(wrapped("  name   one two three", 20), "  name   one two\n         three");
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree");
}

TEST(Progress, ALineNeverWraps) {
  EXPECT_EQ(progress_line("loading", 0.5, 3, "", 80),
            "loading [" + std::string(15, '#') + std::string(15, '.') + "]  50%  3 s left");
  const std::string label = "greedy(iti=h.iti,iti-alpha=3.25,iti-heads=2) lab_facts",
                    note = "| exact_match 0.750";
  for (size_t width = 1; width < 120; ++width)
    for (const double done : {0.0, 0.333, 1.0})
      EXPECT_LE(progress_line(label, done, 12345, note, width).size(), width) << width;
  EXPECT_EQ(progress_line(label, 0.4, 9, note, 39), "greedy(..._facts [##...]  40%  9 s left");
  EXPECT_NE(progress_line(label, 0.4, 9, note, 79).find(note), std::string::npos);
}

}  // namespace rouse
