/// Divergences of routings, and which tokens count.
#include "eval/divergence.h"

#include <cmath>
#include <sstream>

#include "base/text.h"
#include "support.h"

namespace rouse {

TEST(Divergence, MathAndStopWordsAreFoundInPieces) {
  const std::vector<std::string> pieces{"So",  " the", " price", " is", " $",    "3", "*",
                                        "4",   "0",    " =",     " $",  "120",   ".", " In",
                                        " 19", "84",   " th",    "ere", " were", "!"};
  const auto kinds = token_kinds(pieces);
  std::string math, stop;
  for (size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_TRUE(kinds[i][kAllTokens]);
    if (kinds[i][kMathTokens]) math += pieces[i] + "|";
    if (kinds[i][kStopWords]) stop += pieces[i] + "|";
  }
  EXPECT_EQ(math, " $|3|*|4|0| =| $|120|.|");
  EXPECT_EQ(stop, "So| the| is| In| th|ere| were|");
}

TEST(Divergence, ALongSumDoesNotOverflowTheStack) {
  const auto kinds = token_kinds(std::vector<std::string>(20000, "1+"));
  EXPECT_TRUE(kinds[0][kMathTokens] && kinds[19999][kMathTokens]);
}

class DivergenceTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Models, DivergenceTest, testing::Values("mixtral", "qwen3moe"));

TEST_P(DivergenceTest, EqualsTheLogitsOfEachRoutingAlone) {
  TinyModel tiny(golden(std::string(GetParam()) + ".gguf"), 4096);
  const Tokenizer tokenizer(tiny.model->file());
  const int k = tiny.router().n_expert_used;
  const RoutingPolicy strong("topk", tiny.router());
  const std::vector<std::string> texts{"the of and in", "a to the is"};
  const std::string next = "rank:" + std::to_string(k + 1);
  std::vector<RoutingPolicy> others;
  for (const std::string& text : {std::string("topk"), std::string("rank:1"), next})
    others.emplace_back(text, tiny.router());
  const auto rows = divergence({&tiny.engine}, tokenizer, strong, others, nullptr, texts, 64, {}, nullptr);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_NEAR(rows[0].kl[kAllTokens].mean, 0, 1e-6);
  EXPECT_EQ(rows[0].unchosen, 0);
  EXPECT_NEAR(rows[1].unchosen, 0, 0.5) << "rank 1 of its own hidden rows is mostly among the strong ones";
  EXPECT_GT(rows[2].unchosen, 0.5);

  double sum = 0;
  int64_t n = 0;
  for (const std::string& text : texts) {
    const std::vector<int> tokens = tokenizer.encode(text, true, false);
    for (size_t i = 1; i < tokens.size(); ++i, ++n) {
      const std::vector<int> head(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(i));
      std::vector<float> p = tiny.logits(head), q = tiny.logits(head, "rank:1");
      log_softmax(p);
      log_softmax(q);
      for (size_t v = 0; v < p.size(); ++v) sum += std::exp(p[v]) * (p[v] - q[v]);
    }
  }
  EXPECT_EQ(rows[1].kl[kAllTokens].n, n);
  EXPECT_NEAR(rows[1].kl[kAllTokens].mean, sum / static_cast<double>(n), 1e-4);
  EXPECT_GT(rows[1].kl[kAllTokens].mean, 1e-3);
}

TEST(Report, SweepParetoVotesAndDivergenceAreJson) {
  const TempDir dir;
  const std::string run = dir / "o";
  ASSERT_EQ(rouse("eval --tasks lab_arithmetic --limit 6 -n 40 -c 320 --samples 2 --temp 0.6 --dev-share 0 "
                  "--methods topk "
                  "--methods 'greedy routing=topk:1..3' -o " +
                  run)
                .code,
            0);
  const auto sweep = nlohmann::json::parse(rouse("report sweep " + run).out);
  ASSERT_EQ(sweep["lab_arithmetic"].size(), 4u);
  const auto experts = [&](int i) { return sweep["lab_arithmetic"][i]["experts_per_token"].get<double>(); };
  EXPECT_DOUBLE_EQ(experts(3), 3 * experts(1));
  const auto pareto = nlohmann::json::parse(rouse("report pareto " + run).out)["lab_arithmetic"];
  ASSERT_EQ(pareto.size(), 4u);
  bool any = false;
  for (size_t i = 0; i < pareto.size(); ++i) {
    any = any || pareto[i]["on_frontier"];
    for (size_t j = 0; j < pareto.size(); ++j)
      if (pareto[i]["on_frontier"] && pareto[j]["experts_per_token"] <= pareto[i]["experts_per_token"]) {
        EXPECT_LE(pareto[j]["score"], pareto[i]["score"]);
      }
  }
  EXPECT_TRUE(any);
  const auto votes = nlohmann::json::parse(rouse("report votes " + run).out)["lab_arithmetic"];
  EXPECT_EQ(votes[0]["major"].size(), 2u);
  const CommandResult r = rouse("report divergence --limit 2 --document-tokens 24 --weak rank:2 --text " +
                                std::string(ROUSE_GOLDEN) + "/../../README.md");
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_GT(nlohmann::json::parse(r.out)["rows"][0]["kl"]["all"]["mean"], 0);
  EXPECT_EQ(rouse("report divergence --text /nowhere").code, 2);
}

TEST(Repro, WritesItsTablesAndGoesOn) {
  const TempDir dir;
  const std::string command = "repro cor --limit 4 -c 320 -n 8 --json --text " + std::string(ROUSE_GOLDEN) +
                              "/../../README.md -o " + dir / "o";
  const CommandResult first = rouse(command);
  ASSERT_EQ(first.code, 0) << first.err;
  const std::string tables = read_file(dir / "o/tables.md");
  EXPECT_NE(read_file(dir / "o/report.html").find("<figure id=\"f-main-"), std::string::npos);
  for (const char* part : {"## Main results at equal cost", "plan:plan.cor.json,lambda=0.1,layers-only",
                           "| block | R | experts |", "**lab_facts**", "**lab_contrast**"})
    EXPECT_NE(tables.find(part), std::string::npos) << part;
  EXPECT_EQ(nlohmann::json::parse(read_file(dir / "o/repro.json"))["steps"].size(), 7u);
  ASSERT_EQ(rouse(command).code, 0);
  EXPECT_EQ(read_file(dir / "o/tables.md"), tables);
  EXPECT_EQ(nlohmann::json::parse(first.out)["tables"], dir / "o/tables.md");
  EXPECT_NE(tables.find("--tokens 200"), std::string::npos) << "of the calibration, 50 an item";
  EXPECT_NE(first.err.find("ITI is left out"), std::string::npos) << "four items are too few";
  EXPECT_EQ(rouse("repro scmoe -m " + golden("llama.gguf") + " -o " + dir / "x").code, 2) << "a dense model";
  EXPECT_EQ(rouse("repro cor -o " + dir / "x").code, 2) << "no calibration text";
}

TEST(Repro, EveryStepHeedsTheLimitAndSaysItsTime) {
  const TempDir dir;
  const std::string readme = std::string(ROUSE_GOLDEN) + "/../../README.md";
  const std::string model = " --limit 2 -c 320 -n 4 --json --tasks lab_arithmetic --samples 2 --text ";
  const CommandResult r = rouse("repro scmoe" + model + readme + " -o " + dir / "o");
  ASSERT_EQ(r.code, 0) << r.err;
  const auto record = nlohmann::json::parse(r.out);
  size_t n_model = 0;
  for (const auto& step : record["steps"]) {
    const std::string command = step["command"];
    EXPECT_NE(command.find(command.starts_with("rouse bench") ? "--repeats 2" : "--limit 2"),
              std::string::npos)
        << command;
    ++n_model;
  }
  size_t n_time = 0;
  for (const std::string& line : split(r.err, '\n')) n_time += line.starts_with("  about ");
  EXPECT_EQ(n_time, n_model) << r.err;
  EXPECT_EQ(record["tables"], dir / "o/tables.md");
}

TEST(Repro, ItiLearnsFromItemsThatAreNotReported) {
  const TempDir dir;
  const std::string items = " --limit 24 --dev-share 0.5 --sample-seed 3 ";
  const CommandResult run =
      rouse("eval --tasks lab_contrast --methods greedy --methods \"greedy routing=topk:1..2\"" + items +
            "-c 320 -o " + dir / "o");
  ASSERT_EQ(run.code, 0) << run.err;
  const CommandResult fit =
      rouse("iti fit --task lab_contrast --heads 4 --json" + items + "-o " + dir / "a.iti");
  ASSERT_EQ(fit.code, 0) << fit.err;
  // The same answers out of the samples that the sweep chose by give the same directions.
  std::ofstream dev(dir / "dev.jsonl");
  for (const auto& entry :
       std::filesystem::directory_iterator(*std::filesystem::directory_iterator(dir / "o/dev")))
    if (entry.path().filename().string().rfind("samples_", 0) == 0) {
      std::istringstream lines(read_file(entry.path().string()));
      for (std::string line; std::getline(lines, line);)
        dev << nlohmann::json::parse(line)["doc"].dump() << '\n';
    }
  dev.close();
  ASSERT_EQ(rouse("iti fit --data " + dir / "dev.jsonl" + " --heads 4 -o " + dir / "b.iti").code, 0);
  const auto a = nlohmann::json::parse(read_file(dir / "a.iti")),
             b = nlohmann::json::parse(read_file(dir / "b.iti"));
  EXPECT_EQ(a["heads"], b["heads"]);
  EXPECT_EQ(rouse("iti fit --task wikitext -o " + dir / "c.iti").code, 2);
  EXPECT_EQ(rouse("iti fit -o " + dir / "c.iti").code, 2);
}

}  // namespace rouse
