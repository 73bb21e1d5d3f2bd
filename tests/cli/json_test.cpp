/// --json of every command: the table of commands is walked, so that a new one is here or the test fails.
#include <set>

#include "base/text.h"
#include "cli/app.h"
#include "cli/help_format.h"
#include "support.h"

namespace rouse {
namespace {

using nlohmann::json;

/// Commands that do something themselves, as the user names them.
void add_commands(CLI::App& app, std::vector<std::string>& out) {
  const auto below = app.get_subcommands([](CLI::App*) { return true; });
  for (CLI::App* c : below) add_commands(*c, out);
  if (app.get_parent() && app.get_require_subcommand_min() == 0) out.push_back(full_name(app).substr(6));
}

/// Files that the commands below read.
struct Files {
  Files() {
    std::vector<json> words, numbers;
    for (int i = 0; i < 6; ++i) {
      words.push_back({{"text", cat("the man ", i, " and the hen in the inn of the man")}});
      numbers.push_back({{"text", cat("1 2 3 4 ", i)}});
    }
    write("a.jsonl", words);
    write("b.jsonl", numbers);
    write("many.jsonl", std::vector<json>(20, {{"text", "the man and the hen in the inn of the man"}}));
    write("list.jsonl", {{{"layer", 1}, {"expert", 3}, {"risk_diff", 0.5}}});
    write("gsm8k.jsonl", {{{"question", "Q1"}, {"answer", "#### 1"}}});
    write("batch.jsonl", {{{"id", 1}, {"prompt", "the of"}}});
    std::vector<json> answers;
    for (int i = 0; i < 12; ++i)
      answers.push_back(
          {{"question", cat("the ", i)}, {"correct_answers", {"man"}}, {"incorrect_answers", {"hen"}}});
    write("iti.jsonl", answers);
  }
  void write(const std::string& name, const std::vector<json>& records) const {
    std::ofstream out(dir / name);
    for (const json& record : records) out << record << '\n';
  }
  TempDir dir;
};

/// What each is called with; DIR/ is the folder above, MODEL a tiny model, BIASED one whose format can hold a
/// plan. In an order in which files that one leaves are there for the next.
struct Call {
  const char *command, *arguments;
};
constexpr Call kCalls[] = {
    {"run", "MODEL --raw -p 'the of' -n 2"},
    {"compare", "MODEL --raw -p 'the of' -n 2"},
    {"inspect", "MODEL"},
    {"list", ""},
    {"trace", "MODEL --raw -p 'the of' -o DIR/trace"},
    {"calibrate", "-m BIASED --text DIR/a.jsonl --tokens 0 --document-tokens 24 -o DIR/p.json"},
    {"headroom", "MODEL --text DIR/a.jsonl --tokens 0 --document-tokens 24 -o DIR/h.json"},
    {"advise", "MODEL --dry-run --text DIR/many.jsonl --tasks none"},
    {"plan show", "DIR/p.json"},
    {"plan evidence", "DIR/p.json"},
    {"plan diff", "DIR/p.json DIR/p.json"},
    {"plan uniform", "MODEL -o DIR/u.json"},
    {"plan random", "MODEL -o DIR/r.json"},
    {"plan shuffle", "DIR/p.json -o DIR/s.json"},
    {"plan by-frequency", "DIR/p.json -o DIR/f.json"},
    {"plan export", "DIR/p.json --gguf BIASED -o DIR/x.gguf"},
    {"plan from", "2,2,2 MODEL -o DIR/c.json"},
    {"whatif", "MODEL --raw -p 'the of' --continuation ' man' --ban 1.2"},
    {"iti fit", "MODEL --data DIR/iti.jsonl --heads 2 -o DIR/heads.iti"},
    {"steer fit", "MODEL --for DIR/a.jsonl --against DIR/b.jsonl -o DIR/st.json"},
    {"steer import", "MODEL DIR/list.jsonl -o DIR/si.json"},
    {"eval", "--tasks lab_facts --limit 2 -n 2 -o DIR/runs"},
    {"eval show", "DIR/runs"},
    {"eval compare", "DIR/runs"},
    {"data list", ""},
    {"data import", "gsm8k DIR/gsm8k.jsonl --data DIR/data"},
    {"report html", "DIR/runs DIR/p.json -o DIR/r.html"},
    {"report sweep", "DIR/runs"},
    {"report pareto", "DIR/runs"},
    {"report votes", "DIR/runs"},
    {"report divergence", "MODEL --text DIR/a.jsonl"},
    {"synth", "-o DIR/synth.gguf --layers 1"},
    {"bench", "MODEL --prompt-sizes 4 -n 1 -r 1 --only greedy"},
    {"methods", ""},
    {"help", ""},
};
/// Called with --json by other tests, as they need a hub or much time.
const std::set<std::string> kElsewhere = {"pull", "rm", "repro scmoe", "repro cor"};
/// They have no result.
const std::set<std::string> kNone = {"demo", "chat", "serve"};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at; (at = text.find(what)) != std::string::npos;) text.replace(at, what.size(), with);
  return text;
}

}  // namespace

TEST(Json, OfEveryCommandIsOneDocument) {
  CommandLine line("test");
  std::vector<std::string> commands;
  add_commands(line.app(), commands);
  const Files files;
  std::set<std::string> called = kElsewhere;
  for (const auto& [command, arguments] : kCalls) {
    called.insert(command);
    std::string words = replaced(arguments, "DIR/", files.dir / "");
    words = replaced(replaced(words, "MODEL", "-m " + golden("mixtral.gguf")), "BIASED",
                     golden("deepseek3.gguf"));
    const CommandResult r = rouse(cat(command, " ", words, " --json"));
    EXPECT_EQ(r.code, 0) << command << r.err;
    EXPECT_TRUE(json::accept(r.out)) << command << ": " << r.out;
  }
  for (const std::string& command : commands) {
    if (kNone.contains(command)) continue;
    EXPECT_TRUE(called.contains(command)) << "rouse " << command << " has no --json that a test reads";
    EXPECT_NE(rouse(command + " --help").out.find("  --json "), std::string::npos) << command;
  }
}

TEST(Json, OfAStreamIsADocumentALine) {
  const CommandResult r = rouse("trace -m " + golden("mixtral.gguf") + " --raw -p 'the of' --json");
  ASSERT_EQ(r.code, 0) << r.err;
  size_t n = 0;
  for (const std::string& row : split(r.out, '\n')) n += json::accept(row);
  EXPECT_GT(n, 2u);
  const Files files;
  const std::string batch =
      "run -m " + golden("mixtral.gguf") + " --raw -n 2 --batch " + files.dir / "batch.jsonl" + " -o ";
  const auto summary = json::parse(rouse(batch + files.dir / "out.jsonl" + " --json").out);
  EXPECT_EQ(summary["prompts"], 1);
  EXPECT_EQ(summary["failed"], 0);
  EXPECT_EQ(rouse(batch + files.dir / "more.jsonl").out, "");
}

TEST(Json, WhereThereIsNoResultItSaysWhy) {
  for (const std::string& command : kNone) {
    const CommandResult r = rouse(command + " --json");
    EXPECT_EQ(r.code, 2) << command;
    EXPECT_NE(r.err.find("rouse " + command + " has no --json: "), std::string::npos) << r.err;
  }
}

}  // namespace rouse
