/// The official distributions of data sets, in small, turned into the documented form.
#include <zlib.h>

#include "eval/fewshot.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"
#include "support.h"

namespace rouse {
namespace {

using Record = EvalJson;

std::string written(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace

TEST(Import, JsonLinesWithAWorkedAnswer) {
  const TempDir dir;
  const Source source(
      written(dir / "test.jsonl", R"({"question": "Q1", "answer": "3*400=<<3*400=1200>>1200\n#### 1,200"}
{"question": "Q2", "answer": "So.\n#### -5"}
)"));
  const auto records = kGsm8k.import(source);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(
      records[0],
      Record::parse(
          R"({"id": "gsm8k_test_0000", "question": "Q1", "answer": "1200", "rationale": "3*400=<<3*400=1200>>1200"})"));
  EXPECT_EQ(records[1]["answer"], "-5");
  const Source bad(written(dir / "bad.jsonl", R"({"question": "Q", "answer": "5"})"));
  EXPECT_THROW(kGsm8k.import(bad), Error);
}

TEST(Import, GzipIsUnpackedAndADamagedOneRefused) {
  const TempDir dir;
  const std::string line =
      R"({"task_id": "HumanEval/0", "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "  pass\n", "test": "def check(c): pass\n"})";
  gzFile file = gzopen((dir / "h.jsonl.gz").c_str(), "wb");
  ASSERT_GT(gzwrite(file, line.data(), static_cast<unsigned>(line.size())), 0);
  gzclose(file);
  const std::string packed = read_file(dir / "h.jsonl.gz");
  EXPECT_EQ(packed.substr(0, 2), "\x1f\x8b");
  const auto records = kHumaneval.import(Source(dir / "h.jsonl.gz"));
  EXPECT_EQ(records.at(0), Record::parse(line));
  const Source cut(written(dir / "cut.gz", packed.substr(0, packed.size() / 2)));
  expect_refusal([&] { (void)cut.text(); }, ErrorKind::usage, "cut.gz");
}

TEST(Import, CsvKeepsBlanksQuotesAndLineBreaks) {
  const TempDir dir;
  const Source source(written(dir / "news_factor.csv",
                              "full_prefix,doc_id,completion,contradiction_0,contradiction_1,contradiction_2,"
                              "turncated_prefixes\n"
                              "\"A long, \"\"quoted\"\"\nprefix \",7,good.,bad.,sad., mad.,\"prefix \"\n"));
  const auto records = kFactorNews.import(source);
  EXPECT_EQ(records.at(0), Record::parse(R"({"id": "factor_news_0000", "doc_id": 7, "prefix": "prefix ",
      "full_prefix": "A long, \"quoted\"\nprefix ", "completion": "good.", "contradictions": ["bad.", "sad.", " mad."]})"));
  const Source ragged(written(dir / "ragged.csv", "a,b\n1,2\n3\n"));
  expect_refusal([&] { ragged.csv_records(); }, ErrorKind::usage, "record 2 has 1 columns, the header has 2");
  const Source open(written(dir / "open.csv", "a,b\n\"1,2\n"));
  expect_refusal([&] { (void)open.csv(); }, ErrorKind::usage, "open.csv: record 2");
}

TEST(Import, TruthfulqaTakesItsTargetsFromTheFileBeside) {
  const TempDir dir;
  const Source source(written(dir / "TruthfulQA.csv",
                              "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
                              "Adversarial,Law,Is it?,No,No; It is not;,Yes; It is,http\n"));
  expect_refusal([&] { kTruthfulqaMc1.import(source); }, ErrorKind::usage, "mc_task.json: is not there");
  written(
      dir / "mc_task.json",
      R"([{"question": "Is it?", "mc1_targets": {"No": 1, "Yes": 0}, "mc2_targets": {"No": 1, "Not": 1, "Yes": 0}}])");
  const auto records = kTruthfulqaMc1.import(source);
  EXPECT_EQ(records.at(0)["id"], "truthfulqa_000");
  EXPECT_EQ(records[0]["correct_answers"], Record({"No", "It is not"}));
  EXPECT_EQ(records[0]["mc2_targets"],
            Record::parse(R"({"choices": ["No", "Not", "Yes"], "labels": [1, 1, 0]})"));
  EXPECT_TRUE(records[0]["mc0_targets"].is_null());
}

TEST(Import, TheOtherForms) {
  const TempDir dir;
  const auto strategy = kStrategyqa.import(Source(
      written(dir / "s.json", R"([{"qid": "ab", "question": "Q?", "answer": true, "facts": ["x"]}])")));
  EXPECT_EQ(strategy.at(0), Record::parse(R"({"id": "strategyqa_ab", "question": "Q?", "answer": "yes"})"));

  const auto mbpp = kMbpp.import(Source(
      written(dir / "mbpp.jsonl",
              R"({"task_id": 10, "text": "few-shot", "code": "", "test_list": ["x"], "test_setup_code": ""}
{"task_id": 11, "text": "T", "code": "a\r\nb", "test_list": ["assert 1"], "test_setup_code": "", "challenge_test_list": []})")));
  ASSERT_EQ(mbpp.size(), 1u) << "only the test split";
  EXPECT_EQ(mbpp[0]["id"], "mbpp_11");
  EXPECT_EQ(mbpp[0]["code"], "a\nb");

  const auto trivia = kTriviaqa.import(Source(written(
      dir / "t.json",
      R"({"Data": [{"QuestionId": "tc_2", "Question": "Who?", "Answer": {"Aliases": ["A", "B"], "Value": "A"}}]})")));
  EXPECT_EQ(trivia.at(0)["answers"], Record({"A", "B"}));

  const auto arc = kArcEasy.import(Source(written(
      dir / "a.jsonl",
      R"({"id": "M1", "question": {"stem": "S?", "choices": [{"text": "x", "label": "1"}, {"text": "y", "label": "2"}]}, "answerKey": "2"})")));
  EXPECT_EQ(
      arc.at(0),
      Record::parse(
          R"({"id": "M1", "question": "S?", "choices": ["x", "y"], "answer": 1, "subject": "science"})"));

  written(dir / "mmlu/law_x.txt", "");
  written(dir / "mmlu/virology_test.csv", "\"Which, then?\",a,b,c,d,C\n");
  written(dir / "mmlu/astronomy_test.csv", "Q,1,2,3,4,A\nR,1,2,3,4,D\n");
  const auto mmlu = kMmlu.import(Source(dir / "mmlu"));
  ASSERT_EQ(mmlu.size(), 3u);
  EXPECT_EQ(mmlu[1]["id"], "mmlu_astronomy_0001");
  EXPECT_EQ(mmlu[2]["question"], "Which, then?");
  EXPECT_EQ(mmlu[2]["answer"], 2);
}

TEST(Import, FewShotFilesComeFromTheDistributionOrFromAPublishedPrompt) {
  const TempDir dir;
  const auto import = [&](const std::string& task, const std::string& file, const std::string& more = "") {
    return rouse("data import " + task + " " + file + " --data " + dir / "data" + more);
  };
  const auto shots = [&](const char* task) {
    return Record::parse(read_file(dir / "data/fewshot/" + task + ".json"));
  };
  std::string tasks;
  for (int i = 1; i <= 11; ++i)
    tasks += R"({"task_id": )" + std::to_string(i) + R"(, "text": "T)" + std::to_string(i) +
             R"(", "code": "a\r\nb", "test_list": ["assert 1"], "test_setup_code": ""})" + "\n";
  ASSERT_EQ(import("mbpp", written(dir / "mbpp.jsonl", tasks)).code, 0);
  EXPECT_EQ(shots("mbpp")["examples"].size(), 3u);
  EXPECT_EQ(shots("mbpp")["examples"][0],
            Record::parse(R"({"id": "mbpp_2", "prompt": "T2", "test_list": ["assert 1"], "code": "a\nb"})"));

  std::string train;
  for (int i = 0; i < 9; ++i)
    train += R"({"question": "Q)" + std::to_string(i) +
             R"(", "answer": "One: 1+1=<<1+1=2>>2.\nSo 2.\n#### 2"})" + "\n";
  written(dir / "train.jsonl", train);
  const std::string test = written(dir / "test.jsonl", R"({"question": "Q", "answer": "x\n#### 5"})");
  const CommandResult both = import("gsm8k", test);
  ASSERT_EQ(both.code, 0) << both.err;
  EXPECT_NE(both.out.find("fewshot/gsm8k.json: 8 records"), std::string::npos) << both.out;
  EXPECT_EQ(shots("gsm8k")["examples"][7],
            Record::parse(R"({"question": "Q7", "rationale": "One: 1+1=2. So 2.", "answer": "2"})"));
  EXPECT_EQ(load_task(kGsm8k, {.folder = dir / "data", .n_shot = 8, .shots = {}}, 0, 1).fewshot["own"],
            false);

  // What repositories print, as SCMoE's data/gsm8k/shots.md.
  const std::string prompt = written(dir / "shots.md",
                                     "Question: 2 and 2?\r\nAnswer: 2 + 2 = 4. The answer is 4.\r\n\r\n"
                                     "Q: 3 and 3?\nA: It is 6. The answer is 6.\n");
  const CommandResult there = import("gsm8k", prompt);
  EXPECT_EQ(there.code, 2) << "one is there";
  EXPECT_EQ(import("gsm8k", prompt, " --force").code, 0);
  EXPECT_EQ(shots("gsm8k")["examples"],
            Record::parse(R"([{"question": "2 and 2?", "rationale": "2 + 2 = 4.", "answer": "4"},
                              {"question": "3 and 3?", "rationale": "It is 6.", "answer": "6"}])"));
  EXPECT_EQ(import("truthfulqa_mc1", written(dir / "qa.txt", "Q: Who?\nA: Nobody.\n")).code, 0);
  EXPECT_EQ(shots("truthfulqa")["examples"][0]["answer"], "Nobody.");
  EXPECT_NE(import("strategyqa", prompt)
                .err.find("shots.md: example 1: its answer does not end in \"So the answer is {answer}.\""),
            std::string::npos);
  EXPECT_NE(import("arc_easy", prompt).err.find("arc_easy takes none from text"), std::string::npos);
  EXPECT_NE(
      import("strategyqa", written(dir / "bad.txt", "Hello\n")).err.find("bad.txt: example 1: expected"),
      std::string::npos);
}

TEST(Import, WithoutAFewShotFileRousesOwnExamplesStandInAndTheRunSaysSo) {
  const TempDir dir;
  written(dir / "data/gsm8k_test.jsonl", R"({"id": "a", "question": "1 and 1?", "answer": "2"})");
  const std::string command = "eval --tasks gsm8k -n 4 --data " + dir / "data" + " -o ";
  const CommandResult r = rouse(command + dir / "out");
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("gsm8k: the few-shot examples are rouse's own ("), std::string::npos) << r.err;
  bool found = false;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "out")) {
    if (entry.path().filename() == "settings.json") {
      EXPECT_EQ(Record::parse(read_file(entry.path().string()))["items of gsm8k, few-shot"], "rouse's own");
    }
    if (entry.path().filename().string().rfind("results_", 0) != 0) continue;
    const Record shots = Record::parse(read_file(entry.path().string()))["configs"]["gsm8k"]["fewshot"];
    EXPECT_EQ(shots["own"], true);
    EXPECT_EQ(shots["sha256"].get<std::string>().size(), 64u);
    found = true;
  }
  EXPECT_TRUE(found);
  const CommandResult published = rouse(command + dir / "other --protocol scmoe");
  EXPECT_EQ(published.code, 2);
  EXPECT_NE(published.err.find("protocol scmoe is that of the published ones"), std::string::npos)
      << published.err;
}

/// Every task has its own number of them, and none is a question of a benchmark that is at hand.
TEST(Import, RousesOwnExamplesAreWholeAndInNoTestSet) {
  std::string data;
  for (const char* up : {"/../../../shared/data", "/../../../../shared/data"})
    if (std::filesystem::exists(std::string(ROUSE_GOLDEN) + up)) data = std::string(ROUSE_GOLDEN) + up;
  const TempDir none;
  for (const TaskEntry* task : task_registry()) {
    if (!*task->shots) continue;
    const FewshotFile file = find_fewshot(*task, none.path.string());
    ASSERT_TRUE(file.own) << task->name;
    const Record shots = Record::parse(read_file(file.path));
    EXPECT_EQ(shots["examples"].size(), static_cast<size_t>(task->n_shot)) << task->name;
    EXPECT_EQ(shots["source"].get<std::string>().rfind("rouse's own", 0), 0u);
    if (data.empty()) continue;
    std::string all = read_file(data + "/" + task->file);
    for (const Record& e : shots["examples"]) {
      const std::string question = e.contains("question") ? e["question"] : e["prompt"];
      EXPECT_EQ(all.find(Record(question).dump()), std::string::npos) << task->name << ": " << question;
      EXPECT_EQ(all.find(question.substr(0, 45)), std::string::npos) << task->name << ": " << question;
    }
  }
}

TEST(Import, TheCommandChecksAndNeverReplaces) {
  const TempDir dir;
  written(dir / "t.jsonl", R"({"question": "Q1", "answer": "#### 1"})");
  const std::string command = "data import gsm8k " + dir / "t.jsonl" + " --data " + dir / "data";
  const CommandResult r = rouse(command);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("1 records, sha256 "), std::string::npos) << r.out;
  EXPECT_EQ(load_task(kGsm8k, {.folder = dir / "data", .n_shot = 0, .shots = {}}, 0, 1).items.size(), 1u);
  EXPECT_EQ(rouse(command).code, 2);
  EXPECT_EQ(rouse(command + " --force").code, 0);
  written(dir / "b.jsonl", R"({"question": "Q1"})");
  const CommandResult bad = rouse("data import gsm8k " + dir / "b.jsonl" + " --force --data " + dir / "data");
  EXPECT_NE(bad.code, 0);
  EXPECT_NE(bad.err.find("b.jsonl: record 1: field answer is missing"), std::string::npos) << bad.err;
  EXPECT_EQ(rouse("data import lab_facts x --data " + dir / "data").code, 2);
}

}  // namespace rouse
