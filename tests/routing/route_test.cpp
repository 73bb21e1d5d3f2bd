#include "routing/route.h"

#include <cmath>
#include <set>

#include "support.h"

namespace rouse {
namespace {

RouterSpec mixtral_like(int n_expert = 4, int k = 2) {
  RouterSpec r;
  r.n_expert = n_expert;
  r.n_expert_used = k;
  r.layers = {0, 1, 2};
  return r;
}

struct Routed {
  std::vector<int> ids;
  std::vector<float> weights;
};
Routed route(const std::string& text, const RouterSpec& router, const std::vector<float>& logits,
             int layer = 0, int64_t position = 0, const std::vector<float>& model_bias = {}) {
  const RoutingPolicy policy(text, router);
  Routed out;
  out.ids.resize(static_cast<size_t>(policy.choice().max_count(layer)));
  out.weights.resize(out.ids.size());
  RouteScratch scratch;
  const int n = route_row(policy, layer, position, logits, model_bias, out.ids, out.weights, scratch);
  out.ids.resize(static_cast<size_t>(n));
  out.weights.resize(static_cast<size_t>(n));
  return out;
}

const std::vector<float> kLogits = {std::log(1.f), std::log(4.f), std::log(2.f),
                                    std::log(3.f)};  // gates .1 .4 .2 .3

}  // namespace

TEST(Route, TopKTakesTheBestAndRenormalises) {
  const Routed r = route("topk", mixtral_like(), kLogits);
  EXPECT_EQ(r.ids, (std::vector<int>{1, 3}));
  EXPECT_NEAR(r.weights[0], 4.0 / 7, 1e-6);
  EXPECT_NEAR(r.weights[1], 3.0 / 7, 1e-6);
}

TEST(Route, RawWeightsKeepTheirGateTimesTheScale) {
  RouterSpec raw = mixtral_like();
  raw.renormalize = false;
  raw.scale = 2;
  const Routed r = route("topk:3", raw, kLogits);
  EXPECT_EQ(r.ids, (std::vector<int>{1, 3, 2}));
  EXPECT_NEAR(r.weights[0], 0.8, 1e-6);
  EXPECT_NEAR(r.weights[2], 0.4, 1e-6);
}

TEST(Route, RankTakesOneExpertThatWeighsExactlyOneWhereTheModelRenormalises) {
  for (int rank = 1; rank <= 4; ++rank) {
    const Routed r = route(cat("rank:", rank), mixtral_like(), kLogits);
    EXPECT_EQ(r.ids, std::vector<int>{(std::vector<int>{1, 3, 2, 0})[static_cast<size_t>(rank - 1)]});
    EXPECT_EQ(r.weights[0], 1.0f);
  }
  RouterSpec raw = mixtral_like();
  raw.renormalize = false;
  EXPECT_NEAR(route("rank:2", raw, kLogits).weights[0], 0.3, 1e-6);
  // No clamp: a gate of 1e-9 still weighs 1 when it is alone.
  EXPECT_EQ(route("rank:2", mixtral_like(2, 1), {0, -20}).weights[0], 1.0f);
}

TEST(Route, TiesGoToTheLowerId) {
  EXPECT_EQ(route("topk", mixtral_like(), {1, 1, 1, 1}).ids, (std::vector<int>{0, 1}));
  EXPECT_EQ(route("rank:3", mixtral_like(), {1, 2, 1, 1}).ids, std::vector<int>{2});
}

TEST(Route, DynamicTakesTheShortestPrefixThatPassesTheThreshold) {
  EXPECT_EQ(route("dynamic:0.39", mixtral_like(), kLogits).ids, (std::vector<int>{1}));
  EXPECT_EQ(route("dynamic:0.6", mixtral_like(), kLogits).ids, (std::vector<int>{1, 3}));
  EXPECT_EQ(route("dynamic:0.75", mixtral_like(), kLogits).ids, (std::vector<int>{1, 3, 2}));
  EXPECT_EQ(route("dynamic:0.75,max=2", mixtral_like(), kLogits).ids, (std::vector<int>{1, 3}));
  EXPECT_EQ(route("dynamic:1", mixtral_like(), kLogits).ids.size(), 4u);
}

TEST(Route, RandomIsKeyedBySeedLayerAndPositionAndUniform) {
  const RouterSpec r = mixtral_like(8, 2);
  const std::vector<float> logits(8, 0.f);
  EXPECT_EQ(route("random:3,seed=1", r, logits, 1, 5).ids, route("random:3,seed=1", r, logits, 1, 5).ids);
  std::vector<int> counts(8);
  std::set<std::vector<int>> different;
  for (int position = 0; position < 8000; ++position) {
    const Routed routed = route("random:2,seed=1", r, logits, 1, position);
    EXPECT_EQ(std::set<int>(routed.ids.begin(), routed.ids.end()).size(), 2u);
    for (const int id : routed.ids) ++counts[static_cast<size_t>(id)];
    different.insert(routed.ids);
  }
  for (const int n : counts) EXPECT_NEAR(n, 2000, 200);
  EXPECT_EQ(different.size(), 28u);
  EXPECT_EQ(route("random:1", r, {9, 0, 0, 0, 0, 0, 0, 0}).weights[0], 1.0f);
}

TEST(Route, AMaskedExpertEqualsItsAbsence) {
  const Routed masked = route("topk+mask:0.1", mixtral_like(), kLogits);
  EXPECT_EQ(masked.ids, (std::vector<int>{3, 2}));
  EXPECT_NEAR(masked.weights[0], 3.0 / 5, 1e-6);
  RouterSpec raw = mixtral_like();
  raw.renormalize = false;  // its share goes to the others in proportion: .3/.6
  EXPECT_NEAR(route("topk+mask:0.1", raw, kLogits).weights[0], 0.5, 1e-6);
  EXPECT_EQ(route("topk+mask:1.1", mixtral_like(), kLogits, 0).ids, (std::vector<int>{1, 3}))
      << "another layer is not touched";
  for (int position = 0; position < 50; ++position)
    EXPECT_NE(route("random:1+mask:0.1", mixtral_like(), kLogits, 0, position).ids[0], 1);
}

TEST(Route, GroupLimitsStayInForce) {
  RouterSpec r = mixtral_like(4, 2);
  r.n_group = 2;
  r.n_group_used = 1;  // group {0, 1} has the best expert, so 3 cannot be chosen
  EXPECT_EQ(route("topk", r, kLogits).ids, (std::vector<int>{1, 0}));
  expect_refusal([&] { RoutingPolicy("topk:3", r); }, ErrorKind::usage, "expected 1 to 2");
}

TEST(Route, SelectionBiasOrdersButDoesNotWeigh) {
  const Routed r = route("topk:1", mixtral_like(), kLogits, 0, 0, {1, 0, 0, 0});
  EXPECT_EQ(r.ids, std::vector<int>{0});
  RouterSpec raw = mixtral_like();
  raw.renormalize = false;
  EXPECT_NEAR(route("topk:1", raw, kLogits, 0, 0, {1, 0, 0, 0}).weights[0], 0.1, 1e-6);
}

TEST(Route, SigmoidGatesAreRankedAndRenormalised) {
  RouterSpec r = mixtral_like(3, 2);
  r.gate = Gate::sigmoid;
  const Routed routed = route("topk", r, {0, 2, -2});
  EXPECT_EQ(routed.ids, (std::vector<int>{1, 0}));
  const float a = 1 / (1 + std::exp(-2.f));
  EXPECT_NEAR(routed.weights[0], a / (a + 0.5f), 1e-6);
}

TEST(Route, ChoosesNobodyByNumbersThatAreNotFinite) {
  RouterSpec sigmoid = mixtral_like();
  sigmoid.gate = Gate::sigmoid;
  for (const RouterSpec& router : {mixtral_like(), sigmoid})
    for (const char* policy :
         {"topk", "rank:2", "random:1", "dynamic:0.5", "topk+mask:0.2", "topk+force:0.2"}) {
      for (const float bad : {NAN, INFINITY})
        for (size_t at = 0; at < 4; ++at) {
          std::vector<float> logits = kLogits;
          logits[at] = bad;
          EXPECT_TRUE(route(policy, router, logits).ids.empty()) << policy << " " << at << " " << bad;
        }
      std::vector<float> masked = kLogits;
      masked[0] = -INFINITY;
      EXPECT_FALSE(route(policy, router, masked).ids.empty()) << policy << ": -inf is a mask";
      EXPECT_TRUE(route(policy, router, kLogits, 0, 0, {0, NAN, 0, 0}).ids.empty()) << policy;
    }
  EXPECT_TRUE(route("topk", mixtral_like(), std::vector<float>(4, -INFINITY)).ids.empty());
}

}  // namespace rouse
