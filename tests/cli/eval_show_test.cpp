/// Saved runs side by side: what is unfinished, and which model each is of.
#include <unistd.h>

#include "base/lock.h"
#include "report/tables.h"
#include "support.h"

namespace rouse {
namespace {

Json row(int i, double acc) {
  return {{"doc_id", i}, {"id", cat("item", i)}, {"group", ""}, {"acc", acc}};
}

Json results_of(const std::string& label, const std::string& model, const std::string& fingerprint) {
  const Json score{{"value", 0.5}, {"stderr", 0.1}, {"interval", {0.3, 0.7}}, {"n", 4}};
  return {{"results", {{"lab_facts", {{"acc,none", 0.5}}}}},
          {"rouse",
           {{"label", label},
            {"order", 0},
            {"model", model},
            {"settings", {{"model", fingerprint}, {"policy", "topk"}}},
            {"tasks",
             {{"lab_facts",
               {{"groups", {{"all", {{"acc", score}}}}},
                {"cost", {{"expert_evaluations_per_token", 12.0}, {"weight_bytes_per_token", 1.0}}}}}}}}}};
}

void write_finished(const std::string& folder, const Json& results) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/results_2025-01-01.json") << results.dump();
  std::ofstream samples(folder + "/samples_lab_facts_2025-01-01.jsonl");
  for (int i = 0; i < 4; ++i) samples << row(i, i % 2).dump() << '\n';
}

}  // namespace

TEST(EvalShow, AnUnfinishedRunShowsWhatIsThereAndReadsOnly) {
  const TempDir dir;
  const std::string folder = dir / "topk-4-abc";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/settings.json") << Json{
      {"model", "0123456789"}, {"method", "greedy"}, {"policy", "topk:4"}, {"items of lab_facts, number", 9}};
  const std::string samples = folder + "/samples_lab_facts.jsonl";
  std::ofstream(samples) << row(0, 1).dump() << '\n' << row(1, 0).dump() << "\n{\"id\": \"cut";
  const std::string before = read_file(samples);
  expect_refusal([&] { read_runs(dir.path.string()); }, ErrorKind::usage, "holds no finished run");
  const auto runs = read_runs(dir.path.string(), true);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].method, "topk:4");
  EXPECT_EQ(runs[0].unfinished.at("lab_facts"), "2 of 9");
  EXPECT_NE(report_text(report_of(runs)).find("topk:4 (unfinished, 2 of 9)  50.00 ["), std::string::npos)
      << report_text(report_of(runs));
  EXPECT_EQ(read_file(samples), before);
  std::ofstream(samples, std::ios::app) << "}\n";
  expect_refusal([&] { read_runs(dir.path.string(), true); }, ErrorKind::usage, "samples_lab_facts.jsonl:3");
}

/// A task file's name is known from the run alone.
TEST(EvalShow, AnUnfinishedTaskOfAFileIsShown) {
  const TempDir dir;
  const std::string folder = dir / "topk-4-abc";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/settings.json")
      << Json{{"model", "0123456789"}, {"method", "greedy"},
              {"policy", "topk:4"},    {"items of mine, task file", "00"},
              {"items of mine", "00"}, {"items of mine, number", 3}};
  std::ofstream(folder + "/samples_mine.jsonl") << row(0, 1).dump() << '\n';
  EXPECT_EQ(read_runs(dir.path.string(), true).at(0).unfinished.at("mine"), "1 of 3");
}

TEST(EvalShow, RunsOfSeveralModelsAreNamed) {
  const TempDir dir;
  write_finished(dir / "a", results_of("greedy", "large", "aaaaaaaaaa"));
  write_finished(dir / "b", results_of("rank:2", "small", "bbbbbbbbbb"));
  std::vector<EvalRun> runs = read_runs(dir.path.string());
  Json report = report_of(runs);
  EXPECT_EQ(report["tasks"]["lab_facts"][1]["model"], "small");
  ASSERT_EQ(report["notes"].size(), 2u);
  EXPECT_EQ(report["notes"][0], "these runs are of 2 models: large, small");
  EXPECT_EQ(report["notes"][1],
            "rank:2 of small differs from greedy of large in the model and in the method");
  EXPECT_NE(report_text(report).find("rank:2 of small"), std::string::npos);
  runs[1].model = "large";  // another file of the same name
  EXPECT_EQ(report_of(runs)["tasks"]["lab_facts"][1]["model"], "large (bbbbbbbb)");
  runs[1].fingerprint = runs[0].fingerprint;
  report = report_of(runs);
  EXPECT_TRUE(report["notes"].empty());
  EXPECT_EQ(report_text(report).find(" of large"), std::string::npos);
}

TEST(EvalShow, OneProcessAtATimeWritesAFolder) {
  const TempDir dir;
  const Lock lock(dir.path.string());
  const CommandResult r = rouse("eval --tasks lab_contrast --limit 2 -c 256 -o " + dir.path.string());
  EXPECT_EQ(r.code, 2) << r.err;
  EXPECT_NE(r.err.find(cat("another rouse (process ", getpid(), ") is at work here")), std::string::npos)
      << r.err;
}

}  // namespace rouse
