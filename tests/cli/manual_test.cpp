/// The manual page and the completions, made from the command line itself.
#include "cli/manual.h"

#include "base/quoting.h"
#include "base/text.h"
#include "cli/app.h"
#include "session/options.h"
#include "support.h"

namespace rouse {
namespace {

std::vector<CommandPage> pages() {
  CommandLine line("1.2-3");
  return pages_of(line.app());
}

/// What a shell prints; an empty optional where there is no such shell.
std::optional<std::string> run_in(const std::string& shell, const std::string& script) {
  if (std::system(("command -v " + shell + " >/dev/null").c_str()) != 0) return std::nullopt;
  FILE* pipe = popen((shell + " -c " + shell_quoted(script)).c_str(), "r");
  std::string out;
  for (int c; (c = fgetc(pipe)) != EOF;) out += static_cast<char>(c);
  EXPECT_EQ(pclose(pipe), 0) << shell << ": " << out;
  return out;
}

/// Words before the cursor, the last one perhaps begun, and words that must and must not be offered.
struct Case {
  std::vector<std::string> line;
  std::vector<std::string> offered, not_offered;
};
const std::vector<Case>& cases() {
  static const std::vector<Case> all{{{"ru"}, {"run"}, {"plan"}},
                                     {{"plan", ""}, {"show", "uniform"}, {"run"}},
                                     {{"run", "--kv-"}, {"--kv-type"}, {"--like"}},
                                     {{"run", "--kv-type", ""}, {"f16", "f32"}, {"run"}},
                                     {{"run", "-"}, {"-ngl", "-m", "--model"}, {}},
                                     {{"run", "--method", "s"}, {"scmoe"}, {"greedy"}},
                                     {{"plan", "uniform", "--out"}, {"--output"}, {"--prompt"}},
                                     {{"help", "--m"}, {"--man"}, {"--method"}}};
  return all;
}

void expect_offers(const Case& c, const std::string& out) {
  const std::vector<std::string> words = split(out, '\n');
  for (const std::string& word : c.offered)
    EXPECT_EQ(std::count(words.begin(), words.end(), word), 1) << join(c.line, " ") << ": " << out;
  for (const std::string& word : c.not_offered)
    EXPECT_EQ(std::count(words.begin(), words.end(), word), 0) << join(c.line, " ") << ": " << out;
}

std::string quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += " " + (word.empty() ? "''" : shell_quoted(word));
  return out;
}

}  // namespace

TEST(Manual, NamesEveryCommandAndEveryFlag) {
  const std::string page = man_page(pages(), "1.2-3");
  EXPECT_TRUE(page.starts_with(".TH ROUSE 1 \"\" \"rouse 1.2\\-3\" \"User Commands\"\n.SH NAME\nrouse \\- "));
  size_t n = 0;
  for (const CommandPage& command : pages()) {
    if (!command.name.empty()) {
      EXPECT_NE(page.find(".SS \"rouse " + command.name), std::string::npos) << command.name;
    }
    for (const FlagPage& flag : command.flags)
      for (std::string name : flag.names) {
        for (size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2) name.insert(at, "\\");
        EXPECT_NE(page.find(name), std::string::npos) << command.name << " " << name;
        ++n;
      }
  }
  EXPECT_GT(n, 300u);
  EXPECT_NE(page.find("\\fB\\-\\-n\\-gpu\\-layers, \\-ngl\\fR VALUE (0)\n"), std::string::npos);
  if (std::system("command -v groff >/dev/null") != 0) GTEST_SKIP() << "no groff";
  const TempDir dir;
  std::ofstream(dir / "rouse.1") << page;
  EXPECT_EQ(run_in("bash", "groff -man -ww -z " + dir / "rouse.1" + " 2>&1"), "") << "groff warns of nothing";
}

TEST(Completions, OfBashOfferWhatCanFollow) {
  for (const Case& c : cases()) {
    const auto out = run_in("bash", completions(pages(), "bash") + "COMP_WORDS=(rouse" + quoted(c.line) +
                                        "); COMP_CWORD=" + std::to_string(c.line.size()) +
                                        "\n_rouse; printf '%s\\n' \"${COMPREPLY[@]}\"");
    if (!out) GTEST_SKIP() << "no bash";
    expect_offers(c, *out);
  }
}

TEST(Completions, OfZshOfferWhatCanFollow) {
  for (const Case& c : cases()) {
    const std::string now = c.line.back();
    const auto out =
        run_in("zsh", "compdef() { : }; compadd() { shift; print -l -- ${(M)@:#" + now +
                          "*} }; _files() { : }\n" + completions(pages(), "zsh") + "words=(rouse" +
                          quoted(c.line) + "); CURRENT=" + std::to_string(c.line.size() + 1) + "; _rouse");
    if (!out) GTEST_SKIP() << "no zsh";
    expect_offers(c, *out);
  }
}

TEST(Completions, OfFishOfferWhatCanFollow) {
  for (const Case& c : cases()) {
    const auto out = run_in("fish", completions(pages(), "fish") + "complete -C " +
                                        shell_quoted("rouse " + join(c.line, " ")) +
                                        " | string replace -r '\\t.*' ''; true");
    if (!out) GTEST_SKIP() << "no fish";
    expect_offers(c, *out);
  }
}

TEST(Help, PrintsTheSchemasOfAllOptions) {
  const CommandResult r = rouse("help --options");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(nlohmann::ordered_json::parse(r.out), options_json());
  const CommandResult bad = rouse("help --completions tcsh");
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.err.find("--completions is \"tcsh\", expected bash, zsh or fish"), std::string::npos)
      << bad.err;
}

}  // namespace rouse
