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
  p.samples = {{1, 2, 3, 0}, {5, 6, 7, 8}};
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
