/// Points by cost, and what is said where a cost is unknown.
#include "report/frontier.h"

#include "eval/cost.h"
#include "report/tables.h"
#include "support.h"

namespace rouse {
namespace {

/// A run with one finished task of two items, whose rows say what they cost.
EvalRun run_of(const std::string& method, double score, std::optional<int64_t> evaluations_per_item) {
  const Json acc{{"value", score}, {"stderr", 0.1}, {"interval", {0.0, 1.0}}, {"n", 2}};
  EvalRun run;
  run.method = method, run.model = "m", run.fingerprint = "f";
  Json& task = run.results["rouse"]["tasks"]["lab_facts"];
  task["groups"]["all"] = {{"exact_match", acc}, {"major@1", acc}, {"major@2", acc}};
  task["cost"]["expert_evaluations_per_token"] = 0.0;  // what an earlier rouse saved of a killed run
  run.results["rouse"]["settings"]["policy"] = "topk";
  for (int i = 0; i < 2; ++i) {
    run.samples["lab_facts"].push_back(
        {{"doc_id", i}, {"id", cat("i", i)}, {"group", ""}, {"exact_match", i}});
    const ItemCost cost{
        .n_text = 10, .expert_evaluations = evaluations_per_item.value_or(0), .weight_bytes = 50};
    if (evaluations_per_item) run.samples["lab_facts"].back()["cost"] = item_cost_json(cost);
  }
  return run;
}

}  // namespace

TEST(Frontier, IsByTheSumOfTheRowsAndNotByWhatHasNoCost) {
  const std::vector<EvalRun> runs{run_of("dear", 0.5, 90), run_of("old", 1.0, std::nullopt),
                                  run_of("cheap", 0.5, 60), run_of("best", 0.75, 120)};
  const Json points = points_of(runs)["lab_facts"];
  EXPECT_EQ(points[0]["experts_per_token"], 9.0);
  EXPECT_EQ(points[0]["bytes_per_token"], 5.0);
  EXPECT_TRUE(points[1]["experts_per_token"].is_null()) << "unknown, and not the 0 of its results file";
  const Json sorted = pareto_of(points_of(runs))["lab_facts"];
  std::vector<std::string> order;
  for (const Json& p : sorted) order.push_back(p["method"]);
  EXPECT_EQ(order, (std::vector<std::string>{"cheap", "dear", "best", "old"}));
  EXPECT_EQ(sorted[0]["on_frontier"], true);
  EXPECT_EQ(sorted[1]["on_frontier"], false) << "as good as cheap, but dearer";
  EXPECT_EQ(sorted[2]["on_frontier"], true) << "old is better, but nobody knows at what cost";
  EXPECT_TRUE(sorted[3]["on_frontier"].is_null());
}

TEST(Frontier, TablesSayUnknownAndNeverZero) {
  const std::string text = report_text(report_of({run_of("now", 0.5, 60), run_of("old", 0.5, std::nullopt)}));
  EXPECT_NE(text.find(" 6.0"), std::string::npos) << text;
  EXPECT_NE(text.find("unknown"), std::string::npos) << text;
  EXPECT_EQ(text.find(" 0.0 "), std::string::npos) << text;
}

TEST(Frontier, VotesAreACurveOverSamples) {
  const std::vector<EvalRun> runs{run_of("a", 0.5, 1)};
  const Json curve = votes_of(runs)["lab_facts"][0]["major"];
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_EQ(curve[1]["k"], 2);
  EXPECT_EQ(curve[1]["score"], 0.5);
}

}  // namespace rouse
