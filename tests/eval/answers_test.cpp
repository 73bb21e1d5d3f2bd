/// Answers as the published scorers read them: tests/golden/answers.json is their own code's
/// (tools/golden/answers.py).
#include "base/json.h"
#include "base/text.h"
#include "cli/exit.h"
#include "eval/code.h"
#include "eval/published.h"
#include "eval/similarity.h"
#include "eval/tasks/tasks.h"
#include "sandbox/python.h"
#include "support.h"

namespace rouse {
namespace {

const nlohmann::json& answers() {
  static const nlohmann::json all = golden_json("answers.json");
  return all;
}

Item item_of(const TaskEntry& task, const EvalJson& record) {
  TaskInput input;
  input.n_shot = 0;
  Item item = task.item(JsonValue(record, ""), input);
  item.doc = record;
  return item;
}

double first(const Scores& scores) {
  return scores[0].second;
}

}  // namespace

TEST(Answers, TriviaqaNormalisesAsTheOfficialScriptDoes) {
  for (const auto& p : answers()["triviaqa"]) EXPECT_EQ(triviaqa_normalised(p[0]), p[1]) << p[0];
  const auto right = [](const char* gold, const char* text) {
    return first(
        kTriviaqa.score(item_of(kTriviaqa, {{"id", "t"}, {"question", "?"}, {"answers", {gold}}}), {text}));
  };
  EXPECT_EQ(right("O'Brien", " O’Brien.\nMore"), 1);
  EXPECT_EQ(right("Beyoncé", "BEYONCÉ"), 1);
  EXPECT_EQ(right("New York", "New\u00a0York"), 1);
  EXPECT_EQ(right("Beyoncé", "Beyonce"), 0);
  EXPECT_EQ(right("A", "The A"), 1) << "articles alone are alike, as there";
  EXPECT_EQ(right("A", " \u00a0\n"), 0) << "no answer is never right";
}

TEST(Answers, BleuAndRougeEqualTheirPackages) {
  for (const auto& p : answers()["similarity"]) {
    EXPECT_NEAR(bleu(p[0], p[1]), p[2], 1e-9) << p[0] << " against " << p[1];
    EXPECT_NEAR(rouge_l(p[0], p[1]), p[3], 1e-12) << p[0] << " against " << p[1];
  }
}

TEST(Answers, Gsm8kAsScmoeAndTheHarnessScoreIt) {
  for (const auto& p : answers()["gsm8k"]) {
    const std::string text = p[0];
    for (const char* gold : {"18", "-7", "1200", "0.18", "5", "3", "10", "8"}) {
      const EvalJson record{{"id", "g"}, {"question", "?"}, {"answer", gold}};
      const bool right = std::find(p[1].begin(), p[1].end(), gold) != p[1].end();
      EXPECT_EQ(first(kGsm8kScmoe.score(item_of(kGsm8kScmoe, record), {text})), right)
          << text << ", " << gold;
      const Scores scores = kGsm8kHarness.score(item_of(kGsm8kHarness, record), {text});
      EXPECT_EQ(scores[0].second, p[2] == gold) << text << ", " << gold;
      EXPECT_EQ(scores[1].second, p[3] == gold) << text << ", " << gold;
    }
  }
}

TEST(Answers, StrategyqaAndProgramsAsScmoeReadsThem) {
  for (const auto& p : answers()["scmoe_strategyqa"])
    EXPECT_EQ(scmoe_yes_no(p[0]).value_or("no"), p[1]) << p[0];
  for (const auto& p : answers()["scmoe_code"]) {
    EXPECT_EQ(scmoe_mbpp_code(p[0]), p[1]) << p[0];
    EXPECT_EQ(scmoe_humaneval_code("P:\n", p[0]), p[2]) << p[0];
  }
}

TEST(Answers, FencedBlocksAreCommonmarks) {
  for (const auto& p : answers()["fences"]) {
    const std::string text = p[0];
    const bool function_first = text.find("def f(x):") < text.find("```");  // then a bare fence closes
    if (function_first) continue;
    const auto code = fenced_code(text);
    EXPECT_EQ(code ? nlohmann::json(*code) : nlohmann::json(), p[1]) << text;
  }
}

TEST(Answers, CodeInAndAroundFences) {
  EXPECT_EQ(fenced_code("So: ```python\nx = 1\n```\nIt is 1."), "x = 1\n") << "a fence in mid-line";
  EXPECT_EQ(fenced_code("Use `x` or ```y```.\n```\nz\n```"), "z\n") << "ticks in a line are no fence";
  EXPECT_EQ(fenced_code("```bash\npip\n```\n```py\nx\n```"), "x\n") << "another language is passed over";
  EXPECT_EQ(fenced_code("```python\nreturn 1```\nDone."), "return 1\n") << "closed at the end of a line";
  EXPECT_EQ(fenced_code("def f():\n    return 1\n```\nThat is it."), "def f():\n    return 1\n")
      << "a fence that only closes";
  EXPECT_EQ(fenced_code("x = 1"), std::nullopt);
  EXPECT_EQ(fence_end("```python\nx\n"), std::string::npos) << "open";
  EXPECT_EQ(fence_end("```python\nx\n```\nIt is x."), 15u);
  EXPECT_EQ(fence_end("```python\n'''\n    ```\n'''\n"), std::string::npos) << "set in further than a fence";
}

TEST(Answers, HumanevalStopsOnlyWhereTheFunctionIsContinued) {
  const auto end = kHumaneval.end;
  for (const char* stop : {"\nclass A:", "\ndef g():", "\n# more", "\nif __name__", "\nprint(f(1))", "\n```"})
    EXPECT_EQ(end(std::string("    return 1\n") + stop), 13u) << stop;
  EXPECT_EQ(end("    if x:\n        print(1)\n    # more\n    def g(): pass\n"), std::string::npos)
      << "set in";
  EXPECT_EQ(end("Sure:\n\n# The answer\n```python\nimport re\n\ndef f():\n    pass\n"), std::string::npos);
  EXPECT_EQ(end("```python\ndef f():\n    pass\n```\nIt"), 31u);
  EXPECT_EQ(end("\n"), std::string::npos) << "nothing yet";
}

/// Every way in which models write one function, through the tests of its task.
TEST(Answers, AFunctionPassesHoweverItIsFenced) {
#ifdef ROUSE_SANITIZED
  GTEST_SKIP() << "clang's OpenMP ends a forked child that has no shared memory";
#endif
  std::unique_ptr<Sandbox> sandbox;
  try {
    (void)python_path();
    sandbox = std::make_unique<Sandbox>(SandboxLimits{}, false);
  } catch (const Error& e) {
    GTEST_SKIP() << e.what();
  }
  const EvalJson record{
      {"task_id", "HumanEval/x"},
      {"prompt",
       "from typing import List\n\ndef one():\n    return 1\n\ndef plus(x: List[int]) -> int:\n"
       "    \"\"\"One more than the first.\"\"\"\n"},
      {"entry_point", "plus"},
      {"canonical_solution", "    return x[0] + one()\n"},
      {"test", "def check(f):\n    assert f([2]) == 3\n"}};
  const Item item = item_of(kHumaneval, record);
  const std::pair<const char*, bool> texts[] = {
      {"    return x[0] + one()\n\nprint(plus([1]))\nraise SystemExit", true},
      {"    return x[0] + one()\n```\nThat is all.", true},
      {"```python\ndef plus(x: List[int]) -> int:\n    # more\n    return x[0] + one()\n```\nIt adds.", true},
      {"Here:\n\n```\n    return x[0] + one()\n```\n", true},
      {"```python\ny = x[0]\nreturn y + one()\n```", true},
      {"```python\ndef plus(x):\n    return x[0]\n```", false},
  };
  for (const auto& [text, right] : texts) {
    const std::string whole = text;
    const PythonVerdict v =
        run_python(*sandbox, kHumaneval.program(item, whole.substr(0, kHumaneval.end(whole))));
    EXPECT_EQ(v.passed, right) << text << v.reason;
    EXPECT_EQ(v.reason.substr(0, 24), right ? "" : "AssertionError (line 10:") << text;
    EXPECT_GT(v.seconds, 0);
  }
  const EvalJson task{{"id", "mbpp_1"},
                      {"prompt", "One more."},
                      {"test_list", {"assert plus(2) == 3"}},
                      {"setup_code", ""},
                      {"code", ""}};
  for (const char* text :
       {"def plus(x):\n    return x + 1\n", "```python\ndef plus(x):\n    return x + 1\n```\nIt adds.",
        "Sure!\n```\ndef plus(x):\n    return x + 1\n"}) {
    const PythonVerdict v = run_python(*sandbox, kMbpp.program(item_of(kMbpp, task), text));
    EXPECT_TRUE(v.passed) << text << v.reason;
  }
}

TEST(Answers, WhatCanNotBeRightIsABadRecord) {
  const auto refused = [](const TaskEntry& task, const EvalJson& record, const char* part) {
    EXPECT_NE(message_of([&] { item_of(task, record); }).find(part), std::string::npos) << task.name;
  };
  const EvalJson many{{"id", "g"}, {"question", "?"}, {"answer", "many"}};
  for (const TaskEntry* task : {&kGsm8k, &kGsm8kScmoe, &kGsm8kHarness, &kLabArithmetic})
    refused(*task, many, "field answer is \"many\", expected a number");
  refused(kStrategyqa, many, "expected yes or no");
  refused(kArcEasy, {{"id", "a"}, {"question", "?"}, {"choices", {"x", " "}}, {"answer", 0}},
          "field choices is blank");
  refused(kFactorNews, {{"id", "f"}, {"prefix", "p"}, {"completion", ""}, {"contradictions", {"x"}}},
          "field completion is blank");
  refused(kTruthfulqaMc1,
          {{"id", "t"}, {"question", "?"}, {"mc1_targets", {{"choices", {"x"}}, {"labels", {0}}}}},
          "mc1_targets has no true choice");
}

/// Runs of the default model, which can solve nothing of this.
TEST(Answers, TheProtocolStandsInTheSettingsAndTheReasonInTheRow) {
  const TempDir dir;
  std::ofstream(dir / "gsm8k_test.jsonl") << R"({"id": "g1", "question": "How many?", "answer": "3"})"
                                          << "\n";
  std::ofstream(dir / "mbpp_test.jsonl")
      << R"({"id": "m1", "prompt": "One.", "test_list": ["assert one() == 1"], "setup_code": "", "code": ""})"
      << "\n";
  const auto run = [&](const std::string& arguments) {
    return rouse("eval --shots 0 -n 4 -c 256 --data " + dir.path.string() + " -o " + dir / "o " + arguments);
  };
  ASSERT_EQ(run("--tasks gsm8k --protocol harness").code, 0);
  const CommandResult other = run("--tasks gsm8k");
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("protocol was \"harness\", now it is \"rouse\""), std::string::npos) << other.err;
  const CommandResult none = run("--tasks mbpp --protocol harness");
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("task mbpp has no protocol \"harness\""), std::string::npos) << none.err;
  std::filesystem::remove_all(dir / "o");
  const CommandResult programs = run("--tasks mbpp");
  if (programs.code == static_cast<int>(Exit::no_sandbox)) GTEST_SKIP() << programs.err;
  ASSERT_EQ(programs.code, 0) << programs.err;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "o"))
    if (entry.path().extension() == ".jsonl") {
      const auto row = nlohmann::json::parse(read_file(entry.path().string()));
      EXPECT_EQ(row["pass@1"], 0);
      EXPECT_NE(row["reason"].get<std::string>().find("Error"), std::string::npos) << row;
      EXPECT_GT(row["seconds"], 0.0);
    } else if (entry.path().filename().string().rfind("results_", 0) == 0) {
      const auto results = nlohmann::json::parse(read_file(entry.path().string()));
      EXPECT_EQ(results["configs"]["mbpp"]["protocol"], "rouse");
      EXPECT_FALSE(results["rouse"]["tasks"]["mbpp"]["groups"]["all"].contains("seconds")) << "no metric";
    }
}

TEST(Answers, ATaskIsFoundUnderItsProtocols) {
  for (const TaskEntry* task : protocol_registry()) {
    EXPECT_EQ(&task_entry(task->name, task->protocol), task);
    EXPECT_STREQ(task_entry(task->name).file, task->file);
    EXPECT_STREQ(task_entry(task->name).protocol, kOwnProtocol);
  }
  expect_refusal([] { task_entry("triviaqa", "scmoe"); }, ErrorKind::usage,
                 "task triviaqa has no protocol \"scmoe\"; there are rouse of all, scmoe of gsm8k");
}

}  // namespace rouse
