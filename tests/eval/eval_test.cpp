/// Tasks, scores, statistics, and runs that are killed.
#include <sys/wait.h>
#include <zlib.h>

#include <cmath>
#include <csignal>
#include <map>
#include <regex>
#include <set>

#include "base/json.h"
#include "eval/evaluation.h"
#include "eval/similarity.h"
#include "eval/summary.h"
#include "eval/tasks/tasks.h"
#include "support.h"

namespace rouse {
namespace {

using Record = EvalJson;

/// An item of a task from one record.
Item item_of(const TaskEntry& task, const std::string& record, const std::string& shots = "") {
  TaskInput input;
  input.n_shot = 0;
  if (!shots.empty())
    input.shots = Record::parse(shots), input.n_shot = static_cast<int>(input.shots["examples"].size());
  const Record doc = Record::parse(record);
  Item item = task.item(JsonValue(doc, ""), input);
  item.doc = doc;
  return item;
}
double first(const Scores& scores) {
  return scores[0].second;
}

}  // namespace

TEST(EvalTasks, Gsm8kWritesThePublishedPromptAndReadsNumbers) {
  const Item i = item_of(
      kGsm8k, R"({"id": "a", "question": "How many?", "answer": "1200"})",
      R"({"answer_sentence": "The answer is {answer}.", "examples": [{"question": "Two and two?", "rationale": "2+2=4.", "answer": "4"}]})");
  EXPECT_EQ(i.prompt,
            "Question: Two and two?\nAnswer: 2+2=4. The answer is 4.\n\nQuestion: How many?\nAnswer:");
  EXPECT_EQ(first(kGsm8k.score(i, {" The answer is $1,200.", {}})), 1);
  EXPECT_EQ(first(kGsm8k.score(i, {" 1200 apples", {}})), 1);
  EXPECT_EQ(first(kGsm8k.score(i, {" The answer is 120.", {}})), 0);
  EXPECT_EQ(first(kGsm8k.score(i, {" I do not know", {}})), 0);
  EXPECT_EQ(first(kGsm8k.score(i, {" The answer is 1\u00A0200.\nQuestion: 3?", {}})), 1);
  EXPECT_STREQ(kGsm8k.stop[1], "\nQuestion:");
  const Item h = item_of(
      kGsm8kHarness, R"({"id": "a", "question": "How many?", "answer": "1200"})",
      R"({"answer_sentence": "The answer is {answer}.", "examples": [{"question": "Two and two?", "rationale": "2+2=4.", "answer": "4"}]})");
  EXPECT_EQ(h.prompt, "Q: Two and two?\nA: 2+2=4. The answer is 4.\n\nQ: How many?\nA:");
}

TEST(EvalTasks, StrategyqaFallsBackToNo) {
  const Item i = item_of(kStrategyqa, R"({"id": "a", "question": "Is it?", "answer": "no"})");
  EXPECT_EQ(first(kStrategyqa.score(i, {"Hard to say.", {}})), 1);
  EXPECT_EQ(first(kStrategyqa.score(i, {"So the answer is yes.", {}})), 0);
}

TEST(EvalTasks, TruthfulqaCountsMass) {
  const std::string record =
      R"({"id": "t", "question": "Q?", "mc1_targets": {"choices": ["x", "y"], "labels": [1, 0]},
          "mc2_targets": {"choices": ["x", "y", "z"], "labels": [1, 1, 0]}})";
  const Item one = item_of(kTruthfulqaMc1, record), two = item_of(kTruthfulqaMc2, record);
  EXPECT_EQ(one.prompt, "Q: Q?\nA:");
  EXPECT_EQ(one.choices[1], " y");
  EXPECT_EQ(first(kTruthfulqaMc1.score(one, {"", {{-1, -1}, {-3}}})), 1);
  EXPECT_EQ(first(kTruthfulqaMc1.score(one, {"", {{-1, -3}, {-3}}})), 0) << "sums, not means";
  EXPECT_NEAR(first(kTruthfulqaMc2.score(two, {"", {{std::log(0.2)}, {std::log(0.1)}, {std::log(0.1)}}})),
              0.75, 1e-12);
}

TEST(EvalTasks, SimilarityByPencil) {
  EXPECT_DOUBLE_EQ(bleu("the cat sat down", "the cat sat down"), 100);
  // 3 of 4 words, 1 of 3 pairs, no triple of 2, no quadruple of 1: (3/4 * 1/3 * 1/4 * 1/4)^(1/4)
  EXPECT_NEAR(bleu("the cat lay down", "the cat sat down"), 100 * std::pow(0.75 / 3 / 4 / 4, 0.25), 1e-9);
  EXPECT_DOUBLE_EQ(bleu("dogs", "the cat"), 0);
  EXPECT_DOUBLE_EQ(bleu("", "the cat"), 0);
  EXPECT_NEAR(rouge_l("The cat, lay down.", "the cat sat down"), 0.75, 1e-12);
  EXPECT_NEAR(rouge_l("cat", "the cat"), 2 * 0.5 / 1.5, 1e-12);
  const Item i = item_of(kTruthfulqaGen, R"({"id": "t", "question": "Q?", "best_answer": "No one knows",
      "correct_answers": ["No one knows"], "incorrect_answers": ["Everyone knows it"],
      "mc1_targets": {"choices": ["x"], "labels": [1]}})");
  EXPECT_EQ(first(kTruthfulqaGen.score(i, {" No one knows.\nMore", {}})), 1);
  EXPECT_EQ(first(kTruthfulqaGen.score(i, {" Everyone knows", {}})), 0);
}

TEST(EvalTasks, FactorMovesASpaceAndTakesTheMean) {
  const Item i = item_of(kFactorNews, R"({"id": "f", "prefix": "It was ", "completion": "good.",
                                          "contradictions": ["bad.", "sad.", "mad."]})");
  EXPECT_EQ(i.prompt, "It was");
  EXPECT_EQ(i.choices[0], " good.");
  EXPECT_EQ(first(kFactorNews.score(i, {"", {{-2, -2, -2}, {-2.5}, {-9}, {-9}}})), 1);
  const Item joined = item_of(kFactorNews, R"({"id": "f", "prefix": "It was\n", "completion": "Good.",
                                               "contradictions": ["Bad."]})");
  EXPECT_EQ(joined.prompt + joined.choices[0], "It was\nGood.");
}

TEST(EvalTasks, TriviaqaNormalises) {
  const Item i =
      item_of(kTriviaqa, R"({"id": "t", "question": "Who?", "answers": ["The Beatles", "Fab-Four"]})");
  EXPECT_EQ(first(kTriviaqa.score(i, {" the beatles.\nMore", {}})), 1);
  EXPECT_EQ(first(kTriviaqa.score(i, {"Fab Four!", {}})), 1);
  EXPECT_EQ(first(kTriviaqa.score(i, {"Beatles and others", {}})), 0);
  EXPECT_EQ(first(kTriviaqa.score(i, {"", {}})), 0);
}

TEST(EvalTasks, ArcDividesByCharacters) {
  const Item i = item_of(kArcEasy, R"({"id": "a", "question": "?", "choices": ["é", "abcd"], "answer": 1})");
  const Scores s = kArcEasy.score(i, {"", {{-1.5}, {-4}}});
  EXPECT_EQ(s[0].second, 0) << "acc";
  EXPECT_EQ(s[1].second, 1) << "acc_norm: -1.5 over one character, -4 over four";
}

TEST(EvalTasks, MmluNamesItsSubjectAndGroup) {
  const Item i = item_of(kMmlu, R"({"id": "m", "subject": "college_biology", "question": "Which?",
                                    "choices": ["w", "x", "y", "z"], "answer": 2})");
  EXPECT_EQ(i.group, "stem");
  EXPECT_EQ(i.prompt,
            "The following are multiple choice questions (with answers) about college biology.\n\nWhich?\nA. "
            "w\nB. x\nC. "
            "y\nD. z\nAnswer:");
  EXPECT_EQ(i.target, " C");
  EXPECT_EQ(first(kMmlu.score(i, {"", {{-2}, {-3}, {-1}, {-9}}})), 1);
}

TEST(EvalTasks, WrongRecordsAreNamedByFileAndLineAndTheOthersStay) {
  const TempDir dir;
  std::ofstream(dir / "arc_easy.jsonl")
      << R"({"id": "1", "question": "a?", "choices": ["x", "y"], "answer": 0})"
      << "\n"
      << "{broken\n"
      << R"({"id": "3", "choices": ["x", "y"], "answer": 0})"
      << "\n\n"
      << R"({"id": "4", "question": "a?", "choices": ["x", "y"], "answer": 2})"
      << "\n"
      << R"({"id": "5", "question": 7, "choices": ["x", "y"], "answer": 1})"
      << "\n"
      << R"({"id": "6", "question": "b?", "choices": ["x", "y"], "answer": 1})"
      << "\n";
  TaskInput input;
  input.folder = dir.path.string();
  const LoadedTask task = load_task(kArcEasy, input, 0, 1);
  ASSERT_EQ(task.items.size(), 2u);
  EXPECT_EQ(task.items[1].id, "6");
  ASSERT_EQ(task.errors.size(), 4u);
  EXPECT_NE(task.errors[0].find("arc_easy.jsonl:2: is broken JSON"), std::string::npos) << task.errors[0];
  EXPECT_NE(task.errors[1].find("arc_easy.jsonl:3: field question is missing"), std::string::npos)
      << task.errors[1];
  EXPECT_NE(task.errors[2].find("arc_easy.jsonl:5: answer is 2, expected an integer of 0 to 1"),
            std::string::npos);
  EXPECT_NE(task.errors[3].find("arc_easy.jsonl:6: question is 7, expected text"), std::string::npos);
  expect_refusal([&] { load_task(kGsm8k, input, 0, 1); }, ErrorKind::usage, "gsm8k_test.jsonl is not there");
  expect_refusal([&] { task_entry("arc"); }, ErrorKind::usage, "unknown task \"arc\"");
}

/// A folder's packed file comes before another folder's plain one.
TEST(EvalTasks, APackedFileIsReadAsThePlainOne) {
  const TempDir packed, plain;
  const TaskEntry& task = task_entry("lab_arithmetic");
  const std::string records = R"({"id": "a", "question": "1 + 1?", "answer": "2"})"
                              "\nbroken\n"
                              R"({"id": "b", "question": "1 + 2?", "answer": "3"})"
                              "\n";
  std::ofstream(plain / task.file) << records;
  const std::string path = packed / task.file + ".gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, records.data(), static_cast<unsigned>(records.size()));
  gzclose(file);
  const std::vector<std::string> folders{packed.path.string(), plain.path.string()};
  EXPECT_EQ(find_task(task, folders), folders[0]);
  TaskInput input;
  std::vector<std::string> ids[2];
  for (const int i : {0, 1}) {
    input.folder = folders[static_cast<size_t>(i)];
    const LoadedTask loaded = load_task(task, input, 0, 1);
    for (const Item& item : loaded.items) ids[i].push_back(item.id);
    ASSERT_EQ(loaded.errors.size(), 1u);
    EXPECT_NE(loaded.errors[0].find(":2: "), std::string::npos) << loaded.errors[0];
  }
  EXPECT_EQ(ids[0], (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ids[0], ids[1]);
}

TEST(EvalStatistics, ByPencil) {
  EXPECT_DOUBLE_EQ(mcnemar(0, 0), 1);
  EXPECT_NEAR(mcnemar(1, 9), 2 * 11.0 / 1024, 1e-12);
  EXPECT_NEAR(mcnemar(9, 1), 2 * 11.0 / 1024, 1e-12);
  EXPECT_DOUBLE_EQ(mcnemar(5, 5), 1);

  std::vector<EvalJson> a, b;
  for (int i = 0; i < 40; ++i) {
    a.push_back({{"doc_id", i},
                 {"id", std::to_string(i)},
                 {"group", i % 2 ? "odd" : "even"},
                 {"acc", i < 20 ? 1 : 0}});
    b.push_back({{"doc_id", i}, {"id", std::to_string(39 - i)}, {"group", ""}, {"acc", i > 9 ? 1 : 0}});
  }
  const EvalJson c = compare_rows(a, b)["acc"];  // b is right on ids 0..29, a on 0..19
  EXPECT_DOUBLE_EQ(c["difference"], 0.25);
  EXPECT_EQ(c["only_b"], 10);
  EXPECT_EQ(c["only_a"], 0);
  EXPECT_GT(c["interval"][0], 0.1);
  EXPECT_NEAR(c["mcnemar_p"], 2.0 / 1024, 1e-12);
  const EvalJson groups = summarise_groups(a);
  EXPECT_DOUBLE_EQ(groups["all"]["acc"]["value"], 0.5);
  EXPECT_NEAR(groups["all"]["acc"]["stderr"], 0.079, 0.006);  // sqrt(0.25 / 40)
  EXPECT_EQ(groups["odd"]["acc"]["n"], 20);
  const EvalJson s =
      summarise({{{"id", "x"}, {"nll", 4.0}, {"tokens", 2}}, {{"id", "y"}, {"nll", 2.0}, {"tokens", 4}}});
  EXPECT_DOUBLE_EQ(s["perplexity"]["value"], std::exp(1.0)) << "tokens weigh alike, not items";
}

/// What the next two tests run: the default model's own sets.
static EvalOptions killed_evaluation(const std::string& output) {
  EvalOptions o;
  o.model.model = std::string(ROUSE_MODELS) + "/rouse-lab.gguf";
  o.model.n_thread = 1;
  o.model.n_ctx = 192;
  o.tasks = {"lab_facts", "lab_contrast"};
  o.data = std::string(ROUSE_MODELS) + "/lab";
  o.methods = {"greedy", "scmoe beta=0.25"};
  o.limit = 120;
  o.runner.n_parallel = 4;
  o.output = output;
  return o;
}

/// A process of its own, which the next test starts: kills itself when so many rows are on the disk.
TEST(EvalRun, DISABLED_DiesAfterSoManyRows) {
  const char *output = std::getenv("ROUSE_TEST_OUTPUT"), *rows = std::getenv("ROUSE_TEST_ROWS");
  ASSERT_TRUE(output && rows);
  int left = std::atoi(rows);
  EvalEvents events;
  events.saved = [&](const Item&) {
    if (--left == 0) raise(SIGKILL);
  };
  const EvalOutcome outcome = evaluate(killed_evaluation(output), events);
  EXPECT_TRUE(outcome.whole);
  EXPECT_EQ(outcome.n_failed + outcome.n_error, 0u);
}

/// True when it was killed. rows 0: it runs to its end.
static bool killed_after(const std::string& output, int rows) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      cat("exec env ROUSE_TEST_OUTPUT=", output, " ROUSE_TEST_ROWS=", rows, " ", self,
          " --gtest_also_run_disabled_tests --gtest_filter=EvalRun.DISABLED_Dies* >/dev/null 2>&1");
  const int status = std::system(command.c_str());
  if (rows == 0) {
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/// What is said of times, and when it was: the only things that a killed run may say differently.
static void remove_times(Json& json) {
  for (const char* key : {"date", "seconds", "items_per_second", "tokens_per_second"})
    if (json.is_object()) json.erase(key);
  for (Json& part : json)
    if (part.is_structured()) remove_times(part);
}

/// By run and kind of file: its newest version, without times.
static std::map<std::string, std::string> files_of_runs(const std::string& folder) {
  std::map<std::string, std::string> newest, out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("samples_") && !name.starts_with("results_")) continue;
    std::string& path =
        newest[entry.path().parent_path().filename().string() + "/" + name.substr(0, name.find("_20"))];
    path = std::max(path, entry.path().string());
  }
  for (const auto& [name, path] : newest) {
    std::istringstream in(read_file(path));
    const bool lines = path.ends_with(".jsonl");
    for (std::string line; lines ? bool(std::getline(in, line)) : (line = in.str(), out[name].empty());) {
      Json json = Json::parse(line);
      remove_times(json);
      out[name] += json.dump() + "\n";
    }
  }
  return out;
}

/// Killed at twenty moments, four of them between the last item of a task and its results: whatever the
/// machine's speed, a row is the clock. Costs are part of both kinds of files.
TEST(EvalRun, KilledTwentyTimesGivesTheFilesOfACleanRun) {
  const TempDir dir;
  EXPECT_FALSE(killed_after(dir / "clean", 0));
  Random random(5);
  int killed = 0;
  for (int task = 0; task < 4; ++task)
    for (int left = 120, kill = 0; kill < 5; ++kill) {
      const auto most = static_cast<uint32_t>((left - (4 - kill)) / 2);
      const int rows = kill == 4 ? left : 1 + static_cast<int>(random.below(most));
      killed += killed_after(dir / "killed", rows);
      left -= rows;
    }
  EXPECT_EQ(killed, 20);
  EXPECT_FALSE(killed_after(dir / "killed", 0));
  const auto clean = files_of_runs(dir / "clean"), resumed = files_of_runs(dir / "killed");
  ASSERT_EQ(clean.size(), 6u) << "two methods: results, and samples of two tasks";
  for (const auto& [name, text] : clean) {
    ASSERT_TRUE(resumed.count(name)) << name;
    EXPECT_EQ(text, resumed.at(name)) << name;
    EXPECT_NE(text.find("expert_evaluations"), std::string::npos) << name;
    EXPECT_EQ(text.find("unknown"), std::string::npos) << name;
  }
  EXPECT_EQ(clean.size(), resumed.size());
}

TEST(EvalRun, RefusesToMixSettingsAndReportsWhatItSaved) {
  const TempDir dir;
  const std::string out = " -c 256 -o " + dir / "o";
  const CommandResult r =
      rouse("eval --tasks lab_contrast --limit 12 --methods topk:1 --methods topk --json" + out);
  ASSERT_EQ(r.code, 0) << r.err;
  const auto report = nlohmann::json::parse(r.out);
  EXPECT_EQ(report["baseline"], "topk:1");
  EXPECT_TRUE(report["tasks"]["lab_contrast"][1]["against_baseline"]["acc"].contains("holm_p"));
  const auto experts = [&](int i) {
    return report["tasks"]["lab_contrast"][i]["cost"]["expert_evaluations_per_token"].get<double>();
  };
  EXPECT_DOUBLE_EQ(experts(1), 2 * experts(0));
  const CommandResult mixed = rouse("eval --tasks lab_contrast --limit 13 --methods topk" + out);
  EXPECT_EQ(mixed.code, 2);
  EXPECT_NE(mixed.err.find("limit was 12, now it is 13"), std::string::npos) << mixed.err;
  const CommandResult show = rouse("eval show " + dir / "o");
  EXPECT_EQ(show.code, 0) << show.err;
  EXPECT_NE(show.out.find("lab_contrast"), std::string::npos);
  const std::filesystem::path before = dir / "o_before";
  std::filesystem::copy(dir / "o", before, std::filesystem::copy_options::recursive);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(before))
    if (entry.path().filename().string().rfind("results_", 0) == 0) {
      const std::string text = read_file(entry.path().string());
      std::ofstream(entry.path()) << std::regex_replace(text, std::regex("_per_token"), "_per_row");
    }
  for (const char* command : {"eval show ", "report pareto "}) {
    const CommandResult old = rouse(command + before.string());
    EXPECT_EQ(old.code, 2);
    EXPECT_NE(old.err.find("lab_contrast has no cost by token"), std::string::npos) << old.err;
  }
  EXPECT_EQ(rouse("eval --tasks lab_contrast --methods beam" + out).code, 2)
      << "beam search scores no given text";
  const CommandResult contrast = rouse(
      "eval --tasks lab_contrast --limit 3 --methods topk --methods dola --json -c 256 -o " + dir / "d");
  const auto groups = nlohmann::json::parse(contrast.out)["tasks"]["lab_contrast"];
  EXPECT_TRUE(groups[0]["groups"]["all"].contains("perplexity"));
  EXPECT_FALSE(groups[1]["groups"]["all"].contains("perplexity")) << "DoLa's score is no likelihood";
  EXPECT_TRUE(groups[1]["groups"]["all"].contains("acc"));
  const CommandResult partly =
      rouse("eval --tasks lab_contrast,lab_facts --limit 3 --methods topk --methods beam --json -c 256 -o " +
            dir / "p");
  ASSERT_EQ(partly.code, 0) << partly.err;
  EXPECT_EQ(nlohmann::json::parse(partly.out)["tasks"]["lab_contrast"].size(), 1u);
  EXPECT_EQ(nlohmann::json::parse(partly.out)["tasks"]["lab_facts"].size(), 2u);
  EXPECT_EQ(rouse("eval --tasks gsm8k" + out).code, 2) << "its data is not there";
}

TEST(EvalRun, WhatIsFinishedIsNotRunAgainAndTasksAddUp) {
  const TempDir dir;
  const std::string command = "eval --limit 8 -c 192 --methods topk --methods topk:1 -o " + dir / "o";
  const auto files = [&] {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "o"))
      if (entry.path().extension() == ".jsonl") names.insert(entry.path().string());
    return names;
  };
  ASSERT_EQ(rouse(command + " --tasks lab_contrast").code, 0);
  const auto before = files();
  ASSERT_EQ(before.size(), 2u);
  const CommandResult again = rouse(command + " --tasks lab_contrast --json");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(files(), before);
  const CommandResult more = rouse(command + " --tasks lab_facts --json");
  ASSERT_EQ(more.code, 0) << more.err;
  const auto report = nlohmann::json::parse(more.out);
  for (const char* task : {"lab_contrast", "lab_facts"}) EXPECT_EQ(report["tasks"][task].size(), 2u) << task;
  EXPECT_EQ(report["tasks"]["lab_contrast"], nlohmann::json::parse(again.out)["tasks"]["lab_contrast"]);
}

TEST(EvalRun, ASweepChoosesOnItemsThatItDoesNotReport) {
  const TempDir dir;
  const CommandResult r = rouse(
      "eval --tasks lab_contrast,lab_facts --limit 30 --dev-share 0.4 -c 192 --methods topk:2 --methods "
      "scmoe "
      "--methods 'greedy routing=rank:1|random:1' --sweep weak=rank:1..2 --sweep 'beta=0.25:0.75:0.5' --json "
      "-o " +
      dir / "o");
  ASSERT_EQ(r.code, 0) << r.err;
  const auto choices = nlohmann::json::parse(read_file(dir / "o/choices.json"));
  ASSERT_EQ(choices.size(), 4u) << "two methods with grids, two tasks";
  EXPECT_EQ(choices[2]["settings"].size(), 2u) << "a grid of its own, and no option that --sweep names";
  EXPECT_EQ(choices[0]["settings"].size(), 4u);
  for (const auto& choice : choices) {
    double best = -1, chosen = -2;
    for (const auto& s : choice["settings"]) {
      EXPECT_EQ(s["n"], 12) << choice;
      best = std::max(best, s["value"].get<double>());
      if (s["setting"] == choice["chosen"]) chosen = s["value"];
    }
    EXPECT_EQ(chosen, best) << choice;
  }
  const auto report = nlohmann::json::parse(r.out);
  ASSERT_EQ(report["tasks"]["lab_contrast"].size(), 3u);
  std::set<std::string> reported, chosen_on;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "o")) {
    if (entry.path().filename().string().rfind("samples_lab_contrast", 0) != 0) continue;
    auto& ids = entry.path().string().find("/dev/") == std::string::npos ? reported : chosen_on;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) ids.insert(nlohmann::json::parse(line)["id"]);
  }
  EXPECT_EQ(reported.size(), 18u);
  EXPECT_EQ(chosen_on.size(), 12u);
  for (const std::string& id : chosen_on) EXPECT_FALSE(reported.count(id)) << id;
  EXPECT_EQ(rouse("eval --tasks lab_contrast --sweep gamma=1:2:1 -o " + dir / "x").code, 2);
  EXPECT_EQ(rouse("eval --tasks lab_contrast --sweep weak -o " + dir / "x").code, 2);
}

TEST(EvalRun, SamplesVote) {
  const TempDir dir;
  const CommandResult r = rouse(
      "eval --tasks lab_arithmetic --limit 4 -c 320 --samples 3 --temp 0.8 -s 7 --parallel 6 --json -o " +
      dir / "o");
  ASSERT_EQ(r.code, 0) << r.err;
  const auto scores = nlohmann::json::parse(r.out)["tasks"]["lab_arithmetic"][0]["groups"]["all"];
  for (const char* metric : {"exact_match", "major@1", "major@2", "major@3"})
    EXPECT_EQ(scores[metric]["n"], 4) << metric;
  EXPECT_EQ(scores["exact_match"]["value"], scores["major@3"]["value"]);
  EXPECT_EQ(scores["major@1"]["value"], scores["major@2"]["value"]) << "a tie goes to the first answer";
  EXPECT_EQ(rouse("eval --tasks lab_arithmetic --samples 3 -o " + dir / "x").code, 2) << "without --temp";
  EXPECT_EQ(rouse("eval --tasks lab_contrast --samples 3 --temp 1 -o " + dir / "x").code, 2);
}

TEST(EvalTasks, AreNamedByPatternsAndLimitedByShares) {
  const std::vector<std::string> wanted{"arc_easy", "arc_*"};
  EXPECT_EQ(named_tasks(wanted), (std::vector<std::string>{"arc_easy", "arc_challenge"}));
  const std::vector<std::string> all{"all"};
  EXPECT_EQ(named_tasks(all).size(), task_registry().size());
  const TempDir dir;
  std::ofstream out(dir / "arc_easy.jsonl");
  for (int i = 0; i < 25; ++i)
    out << EvalJson{{"id", cat("q", i)}, {"question", "x"}, {"choices", {"a", "b"}}, {"answer", 0}} << "\n";
  out.close();
  const TaskInput input{.folder = dir.path.string(), .shots = {}};
  EXPECT_EQ(load_task(kArcEasy, input, 0.1, 1).items.size(), 3u) << "rounded up, as the harness does";
  EXPECT_EQ(load_task(kArcEasy, input, 1, 1).items.size(), 1u);
  EXPECT_EQ(load_task(kArcEasy, input, 0, 1).items.size(), 25u);
}

TEST(EvalStatistics, SixtyOfSixtyAreNotSurelyAll) {
  std::vector<EvalJson> rows(60, EvalJson{{"acc", 1}, {"f1", 1}});
  rows[0]["f1"] = 0.5;
  const EvalJson s = summarise(rows);
  EXPECT_NEAR(s["acc"]["interval"][0].get<double>(), 0.939828, 1e-6);
  EXPECT_EQ(s["f1"]["interval"][1], 1.0) << "no share of right items: by bootstrap";
  EXPECT_GT(s["f1"]["interval"][0], 0.96);
}

}  // namespace rouse
