/// What fits a budget of time.
#include "advice/reckoning.h"

#include "support.h"

namespace rouse {
namespace {

std::vector<Document> documents(size_t n, int n_token) {
  std::vector<Document> out(n);
  for (Document& d : out) {
    d.tokens.assign(static_cast<size_t>(n_token), 1);
    for (int t = 1; t < n_token; ++t) d.scored.push_back(t);
  }
  return out;
}

RouterSpec router_of(int n_layer, int n_expert, int k) {
  RouterSpec r;
  for (int l = 0; l < n_layer; ++l) r.layers.push_back(l);
  r.n_expert = n_expert, r.n_expert_used = k;
  return r;
}

struct Case {
  std::vector<Document> learn = documents(400, 128), judge = documents(400, 128);
  RouterSpec router = router_of(48, 128, 8);
  Reckoning of(double budget, double row_seconds, bool tasks = false) const {
    return reckon({learn, judge, router, true, row_seconds, 4 * row_seconds, budget, tasks, 6, 6});
  }
};

double used(const Reckoning& r) {
  double sum = 0;
  for (const Part& p : r.parts) sum += p.why.empty() ? p.seconds : 0;
  return sum;
}

}  // namespace

TEST(Reckoning, StaysWithinTheBudgetAndGrowsWithIt) {
  const Case c;
  Reckoning before;
  for (const double budget : {60.0, 600.0, 1200.0, 7200.0, 86400.0, 1e6}) {
    const Reckoning r = c.of(budget, 0.01);
    EXPECT_LE(used(r), budget) << budget;
    EXPECT_GE(r.n_judge, before.n_judge);
    EXPECT_GE(r.n_plan, before.n_plan) << budget;
    before = r;
  }
  EXPECT_EQ(before.n_judge, 400) << "enough for all of the text";
  EXPECT_EQ(before.n_plan, 400);
}

TEST(Reckoning, WhatDoesNotFitIsLeftOutWithTheTimeThatItNeeds) {
  const Reckoning r = Case{}.of(60, 0.05);  // 20 rows a second, as a large model on a slow machine
  EXPECT_EQ(r.n_plan, 0);
  ASSERT_EQ(r.parts.size(), 4u);
  EXPECT_EQ(r.parts[1].name, "plan");
  EXPECT_NE(r.parts[1].why.find("needs "), std::string::npos) << r.parts[1].why;
  EXPECT_GT(r.parts[1].seconds, 60);
}

/// Verdicts come first: a text that its share is too small for gets what it needs at least.
TEST(Reckoning, TheLeastOfAPartGoesBeforeTheSharesOfLaterOnes) {
  const Reckoning r = Case{}.of(200, 0.01);
  EXPECT_EQ(r.n_judge, 8) << "123 of 200 seconds, though its share is 60";
  EXPECT_EQ(r.n_plan, 0);
  EXPECT_GT(r.n_repeat, 0);
  EXPECT_LE(used(r), 200);
}

TEST(Reckoning, ManyExpertsAreSwappedForTheBestFewWhereAllDoNotFit) {
  const Reckoning r = Case{}.of(1200, 0.005);
  EXPECT_EQ(r.n_candidate, 8);
  EXPECT_GT(r.n_headroom, 0);
  EXPECT_EQ(Case{}.of(1e6, 0.01).n_candidate, 0);
}

TEST(Reckoning, TimeThatTextCannotUseGoesToTheTasks) {
  const Reckoning r = Case{}.of(86400, 0.001, true);
  EXPECT_GT(r.task_seconds, 0.5 * 86400);
  EXPECT_NEAR(r.task_seconds + used(r), 86400, 1e-6);
  EXPECT_EQ(Case{}.of(86400, 0.001).task_seconds, 0);
}

TEST(Reckoning, IsReadAsItWasWritten) {
  const Reckoning r = Case{}.of(1200, 0.01, true);
  const Json json = reckoning_json(r);
  EXPECT_EQ(reckoning_json(read_reckoning(JsonValue(json, "r"))), json);
  Json bad = json;
  bad["plan_documents"] = -1;
  EXPECT_THROW(read_reckoning(JsonValue(bad, "r")), Error);
}

}  // namespace rouse
