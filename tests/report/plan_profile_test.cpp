/// What a plan says of its experts, by pencil.
#include "report/plan_profile.h"

#include "support.h"

namespace rouse {
namespace {

/// Eight experts in two blocks; 2.3 is causal and seldom preferred.
Plan plan() {
  RouterSpec router;
  router.n_expert = 4, router.n_expert_used = 2, router.layers = {0, 2};
  Plan p = Plan::empty(router, "llama", 3);
  p.intensity = {1, 3};
  p.impact = {{0.1, 0.2, 0.3, NAN}, {0.9, 0.4, 0.5, 0.8}};
  p.gate = {{0.4, 0.4, 0.4, 0.1}, {0.6, 0.3, 0.2, 0.1}};
  p.samples = {{11, 12, 13, 0}, {15, 16, 17, 18}};
  p.budget = {1, 3};
  return p;
}

}  // namespace

TEST(PlanProfile, ListsCausalAndDormantExperts) {
  const auto rows = experts_by_impact(plan());
  ASSERT_EQ(rows.size(), 7u) << "of one nothing is known";
  EXPECT_EQ(rows[0].layer, 2);
  EXPECT_EQ(rows[0].expert, 0);
  // Impacts .1 .2 .3 .4 .5 .8 .9: upper quarter above .65; gates .1 .2 .3 .4 .4 .4 .6: lower half below .4.
  const auto dormant = dormant_experts(rows);
  ASSERT_EQ(dormant.size(), 1u);
  EXPECT_EQ(dormant[0].expert, 3);
  const Json profile = plan_profile(plan(), "p", 2);
  EXPECT_EQ(profile["most_causal"].size(), 2u);
  EXPECT_EQ(profile["dormant"][0]["expert"], "2.3");
  EXPECT_EQ(profile["layers"][1]["k"], 3);
}

TEST(PlanProfile, RanksByWhatAnImpactIsAtLeastAndNotByAHandfulOfTokens) {
  Plan p = plan();
  p.n_scored = 400, p.n_hard = 40;
  p.samples[1] = {15, 16, 9, 18};
  p.impact_ci[1] = {{0.1, 1.7}, {0.35, 0.45}, {0.4, 0.6}, {0.3, 1.3}};
  const auto rows = experts_by_impact(p);
  ASSERT_EQ(rows.size(), 6u) << "2.2 rests on 9 tokens";
  EXPECT_EQ(rows[0].expert, 1);
  EXPECT_EQ(rows[0].low, 0.35);
  EXPECT_EQ(plan_profile(p, "p", 1)["most_causal"][0]["at_least"], 0.35);
  EXPECT_TRUE(plan_warning(p).starts_with("this plan rests on 40 hard tokens of 400 scored ones"));
  p.n_hard = 200;
  EXPECT_EQ(plan_warning(p), "");
}

TEST(PlanProfile, TellsTheEvidenceOrWhyThereIsNone) {
  Plan p = plan();
  expect_refusal([&] { evidence_text(p, "p", 5); }, ErrorKind::bad_file,
                 "p: carries no evidence for moving experts; it was calibrated without");
  EXPECT_TRUE(plan_profile(p, "p", 2)["evidence"].is_null());
  p.version = 1;
  expect_refusal([&] { evidence_text(p, "p", 5); }, ErrorKind::bad_file, "p: is a plan of version 1");
  p.version = 2;
  const MeanChange some{0.0123, -0.001, 0.02}, none{NAN, NAN, NAN};
  p.evidence.emplace();
  p.evidence->base = {2, 2}, p.evidence->proposed = {1, 3};
  p.evidence->less = {{some, some}, {none, none}}, p.evidence->more = {{none, none}, {some, some}};
  p.evidence->n_move = 1;
  p.evidence->moves = {{0, 2, 0.5, 0.125, 0.25, 0.01, true}};
  p.evidence->trials = {{{1, 3}, some, false}};
  p.evidence->verdict = "Words.";
  const std::string text = evidence_text(p, "p", 5);
  for (const char* part : {"Words.\n", "in proportion to R would be 1 3; experts move from 2 2",
                           "+0.0123 [-0.0010, +0.0200]", "not measured", "the surest of 1 tried", "supported",
                           "budgets 1 3 change NLL by +0.0123", "not kept"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  EXPECT_EQ(plan_profile(p, "p", 2)["evidence"]["verdict"], "Words.");
}

TEST(PlanProfile, ADifferenceCountsMovedExpertsAndCorrelatesRanks) {
  Plan other = plan();
  other.budget = {2, 2};
  const Json same = plan_difference(plan(), "a", plan(), "b");
  EXPECT_EQ(same["CEI"]["rank_correlation"], 1.0);
  EXPECT_EQ(same["CEI"]["n"], 7);
  const Json d = plan_difference(plan(), "a", other, "b");
  EXPECT_EQ(d["experts_moved"], 1.0);
  EXPECT_EQ(d["budget_changes"].size(), 2u);
  other.layers = {0, 1};
  expect_refusal([&] { plan_difference(plan(), "a", other, "b"); }, ErrorKind::bad_file, "b: 2 MoE layers");
}

}  // namespace rouse
