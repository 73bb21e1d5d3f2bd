/// explore, steering and later seeds; against float64 NumPy in anchored_test.cpp's golden rows.
#include <cmath>
#include <set>

#include "routing/later_seed.h"
#include "routing_golden.h"

namespace rouse {
namespace {

RouterSpec router(int n_expert = 8, int k = 4) {
  RouterSpec r;
  r.n_expert = n_expert, r.n_expert_used = k, r.layers = {0, 1, 5};
  return r;
}

nlohmann::json row(int position, const std::vector<double>& logits) {
  return {{"layer", 1}, {"position", position}, {"logits", logits}, {"bias", nullptr}};
}

const std::vector<double> kFalling = {7, 6, 5, 4, 3, 2, 1, 0};

}  // namespace

TEST(Explore, PrintsItselfWithItsDefaults) {
  EXPECT_EQ(RoutingPolicy("explore", router()).text(), "explore:4,keep=2,pool=4,temp=1,seed=0");
  EXPECT_EQ(RoutingPolicy("explore:5", router()).text(), "explore:5,keep=3,pool=5,temp=1,seed=0");
  EXPECT_EQ(RoutingPolicy("explore:8", router()).text(), "explore:8,keep=4,pool=4,temp=1,seed=0");
  EXPECT_EQ(RoutingPolicy("explore:3,seed=9,temp=0.50,pool=5,keep=0", router()).text(),
            "explore:3,keep=0,pool=5,temp=0.5,seed=9");
  EXPECT_EQ(RoutingPolicy("explore:4,keep=0,pool=8+mask:1.2,1.3,5.0", router()).text(),
            "explore:4,keep=0,pool=6,temp=1,seed=0+mask:1.2,1.3,5.0")
      << "a pool is at most what the mask leaves";
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"explore:9", "K is 9, expected 1 to 8"},
           {"explore:4,keep=5", "keep is 5, expected 0 to 4"},
           {"explore:4,keep=1,pool=2", "pool is 2, expected 3 to 7"},
           {"explore:4,keep=2,pool=7", "pool is 7, expected 2 to 6"},
           {"explore:4,temp=0", "temp is 0, expected a number in [0.001, 1000]"},
           {"explore:4,seed=-1", "the seed is negative"},
           {"explore:4,depth=1", "unknown option depth"},
           {"explore:4+mask:0.0,0.1,0.2,0.3,0.4", "the mask leaves 3 experts in block 0, needed are 4"}})
    expect_refusal([&, &policy = text] { RoutingPolicy(policy, router()); }, ErrorKind::usage, part);
}

TEST(Explore, KeepsTheBestAndDrawsTheRestInProportion) {
  const RoutingPolicy policy("explore:3,keep=2,pool=3,temp=1,seed=4", router());
  std::map<int, int> drawn;
  constexpr int kRows = 20000;
  for (int position = 0; position < kRows; ++position) {
    const auto chosen = routed(policy, row(position, kFalling));
    ASSERT_EQ(chosen.size(), 3u);
    ASSERT_TRUE(chosen.count(0) && chosen.count(1)) << "the head is certain";
    for (const auto& [expert, weight] : chosen) ++drawn[expert];
  }
  const double sum = std::exp(5) + std::exp(4) + std::exp(3);
  for (const int e : {2, 3, 4})
    EXPECT_NEAR(drawn[e] / static_cast<double>(kRows), std::exp(kFalling[static_cast<size_t>(e)]) / sum,
                0.012);
  EXPECT_EQ(drawn[5] + drawn[6] + drawn[7], 0) << "outside of the pool";
  EXPECT_EQ(routed(RoutingPolicy("explore:3,keep=3", router()), row(0, kFalling)),
            routed(RoutingPolicy("topk:3", router()), row(0, kFalling)));
  EXPECT_EQ(routed(RoutingPolicy("explore:3,keep=0,temp=0.001", router()), row(7, kFalling)),
            routed(RoutingPolicy("topk:3", router()), row(7, kFalling)))
      << "cold";
}

TEST(Explore, IsKeyedBySeedBlockAndPosition) {
  const auto ids = [](const RoutingPolicy& policy, int layer, int position) {
    nlohmann::json r = row(position, {1, 1, 1, 1, 1, 1, 1, 1});
    r["layer"] = layer;
    std::set<int> out;
    for (const auto& [expert, weight] : routed(policy, r)) out.insert(expert);
    return out;
  };
  const RoutingPolicy a("explore:4,keep=0,pool=8,seed=1", router()),
      b("explore:4,keep=0,pool=8,seed=2", router());
  int by_seed = 0, by_layer = 0, by_position = 0;
  for (int p = 0; p < 50; ++p) {
    EXPECT_EQ(ids(a, 1, p), ids(a, 1, p));
    by_seed += ids(a, 1, p) != ids(b, 1, p);
    by_layer += ids(a, 1, p) != ids(a, 5, p);
    by_position += ids(a, 1, p) != ids(a, 1, p + 1);
  }
  for (const int n : {by_seed, by_layer, by_position}) EXPECT_GT(n, 40) << "of 50; equal by chance 1 in 70";

  TinyModel m(golden("mixtral.gguf"));
  const std::vector<int> text{271, 4, 5, 6, 90, 17, 33};
  const auto alone = m.logits(text, "explore:2,keep=1,pool=4,seed=3");
  const RoutingPolicy policy("explore:2,keep=1,pool=4,seed=3", m.router()), other("rank:1", m.router());
  Batch batch;
  const std::vector<SeqId> seqs{m.engine.open(), m.engine.open(), m.engine.open()};
  for (size_t i = 0; i < seqs.size(); ++i) {
    RowGroup group{i == 1 ? &policy : &other, {}};
    for (const int t : text) group.rows.push_back({seqs[i], t, Output::none});
    group.rows.back().output = Output::logits;
    batch.push_back(std::move(group));
  }
  const StepResult& r = m.engine.run(batch);
  EXPECT_LT(max_difference(alone, r.logits(2 * text.size() - 1)), 1e-4f) << "beside others";
}

TEST(LaterSeed, MovesTheSeedOfAChoiceThatDraws) {
  EXPECT_EQ(with_later_seed("explore:6,seed=3+mask:1.2", 2), "explore:6,seed=5+mask:1.2");
  EXPECT_EQ(with_later_seed("explore", 2), "explore:seed=2");
  EXPECT_EQ(with_later_seed("explore:6,seed=3,keep=1", 4), "explore:6,keep=1,seed=7");
  EXPECT_EQ(with_later_seed("random:1", 1), "random:1,seed=1");
  for (const char* same :
       {"topk", "topk:4,anchored", "rank:2+mask:0.1", "plan:'a,seed=3.json'", "explore:6,seed=x"})
    EXPECT_EQ(with_later_seed(same, 2), same);
  EXPECT_EQ(with_later_seed("explore:6", 0), "explore:6");
}

/// Logits 3 2 1 0: expert 3 of block 1 fires more, 0 less.
TEST(Steering, PushesExpertsToTheFrontAndTheBack) {
  const RouterSpec r = router(4, 2);
  SteerFile s = SteerFile::empty(r, "llama", 6);
  s.difference = {{0, 0, 0, 0}, {-0.5, 0, NAN, 0.25}, {0, 0.1, 0, 0}};
  EXPECT_EQ(steered_experts(s, 2).size(), 2u);
  EXPECT_EQ(steered_experts(s, 2)[0].expert, 0) << "the largest first";
  EXPECT_EQ(steered_experts(s, 9).size(), 3u) << "zero and unknown are never steered";
  struct One final : RoutingFiles {
    std::shared_ptr<const Plan> plan(const std::string&) const override { return nullptr; }
    std::shared_ptr<const Trace> trace(const std::string&) const override { return nullptr; }
    std::shared_ptr<const SteerFile> steer(const std::string&) const override { return file; }
    std::shared_ptr<const SteerFile> file;
  } one;
  one.file = std::make_shared<SteerFile>(s);
  const auto chosen = [&](const std::string& text) {
    return routed(RoutingPolicy(text, r, one), row(0, {3, 2, 1, 0}));
  };
  const auto both = chosen("topk+steer:f,n=2");
  ASSERT_TRUE(both.count(3) && both.count(1)) << "3.01 2 and then 1, -0.01";
  EXPECT_NEAR(both.at(3) / both.at(1), std::exp(1.01f), 1e-4) << "weights follow";
  const auto first = chosen("topk+steer:f,n=1");
  EXPECT_TRUE(first.count(1) && first.count(2));
  const auto back = chosen("topk+steer:f,n=2,strength=-1");
  EXPECT_TRUE(back.count(0) && back.count(1)) << "the other way around";
  EXPECT_EQ(chosen("topk+steer:f,n=2,strength=0"), chosen("topk"));
  EXPECT_EQ(chosen("topk+steer:f,n=2+mask:1.3").count(3), 0u) << "a mask has the last word";
  EXPECT_EQ(RoutingPolicy("topk+mask:1.3+steer:'f,g',strength=0.5+force:1.1", r, one).text(),
            "topk+steer:'f,g',n=10,strength=0.5+mask:1.3+force:1.1");
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"topk+steer:", "expected +steer:FILE"},
           {"topk+steer:f,n=0", "n is 0, expected at least 1"},
           {"topk+steer:f,strength=1.5", "strength is 1.5, expected a number in [-1, 1]"},
           {"topk+steer:f,colour=1", "unknown option colour"}})
    expect_refusal([&, &policy = text] { RoutingPolicy(policy, r, one); }, ErrorKind::usage, part);
  expect_refusal([&] { RoutingPolicy("topk+steer:f", router(8, 2), one); }, ErrorKind::bad_file,
                 "f: is for 3 MoE layers of 4 experts, top-2; the model has 3 of 8, top-2");
  RouterSpec marked = r;
  marked.fingerprint = [] { return std::string("abcd"); };
  expect_refusal([&] { RoutingPolicy("topk+steer:f", marked, one); }, ErrorKind::bad_file,
                 "was made for another file");
  EXPECT_NO_THROW(RoutingPolicy("topk+steer:f,any-quant", marked, one));
}

TEST(Steering, PromotesAtMostKOfABlock) {
  SteerFile s = SteerFile::empty(router(4, 2), "llama", 6);
  s.difference[0] = {0.9, 0.8, 0.7, -0.6};
  s.difference[1] = {0.5, 0, 0, 0};
  const auto best = steered_experts(s, 4);
  ASSERT_EQ(best.size(), 4u);
  EXPECT_EQ(best[2].expert, 3) << "0.2 is a third";
  EXPECT_EQ(best[3].layer, 1);
}

}  // namespace rouse
