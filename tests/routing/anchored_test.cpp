/// Anchored weights, and every other policy that tools/golden/routing.py has, against float64 NumPy.
#include <cmath>

#include "routing_golden.h"
#include "support.h"

namespace rouse {

TEST(RoutingGolden, RowsEqualTheirReference) {
  const auto golden = golden_json("routing.json");
  std::map<std::string, int> equal;
  for (const auto& c : golden["rows"]) {
    SCOPED_TRACE(c.dump());
    const RouterSpec router = router_of(golden["routers"][c["router"].get<std::string>()]);
    const GoldenFiles files(c, router);
    const RoutingPolicy policy(c["policy"].get<std::string>(), router, files);
    const auto chosen = routed(policy, c);
    const auto ids = c["ids"].get<std::vector<int>>();
    const auto weights = c["weights"].get<std::vector<double>>();
    ASSERT_EQ(chosen.size(), ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto found = chosen.find(ids[i]);
      ASSERT_NE(found, chosen.end()) << "expert " << ids[i];
      EXPECT_NEAR(found->second, weights[i], 2e-6 * std::max(1.0, weights[i]));
    }
    const std::string text = c["policy"];
    for (const char* part : {"anchored", "explore", "+steer", "plan"})
      equal[part] += text.find(part) != std::string::npos;
  }
  EXPECT_GT(equal["anchored"], 200);
  EXPECT_GT(equal["explore"], 100);
  EXPECT_GT(equal["+steer"], 100);
  EXPECT_GT(equal["plan"], 40);
}

TEST(RoutingGolden, LogitsUnderPoliciesEqualTheirReference) {
  std::map<std::string, std::unique_ptr<TinyModel>> models;
  std::map<std::string, int> n;
  const auto cases = golden_json("routing.json")["logits"];
  for (const auto& c : cases) {
    const std::string name = c["model"];
    if (!models.count(name)) models[name] = std::make_unique<TinyModel>(golden(name + ".gguf"));
    SCOPED_TRACE(cat(name, " ", c["policy"].get<std::string>()));
    EXPECT_LT(
        max_difference(models[name]->logits(c["tokens"], c["policy"]), c["logits"].get<std::vector<float>>()),
        1e-3f);
    ++n[name];
  }
  for (const char* name : {"mixtral", "qwen3moe", "olmoe"}) EXPECT_GE(n[name], 6) << name;
}

TEST(Anchored, AtTheTrainedKIsTheModelsRuleToTheLastBit) {
  Random random(5);
  for (const Gate gate : {Gate::softmax, Gate::sigmoid})
    for (const bool renormalize : {true, false})
      for (const int n_group : {1, 4}) {
        RouterSpec r;
        r.n_expert = 16, r.n_expert_used = 4, r.layers = {0};
        r.gate = gate, r.renormalize = renormalize, r.scale = 2.5f;
        r.n_group = n_group, r.n_group_used = n_group == 1 ? 1 : 2;
        for (int i = 0; i < 100; ++i) {
          nlohmann::json row{
              {"layer", 0}, {"position", i}, {"logits", nlohmann::json::array()}, {"bias", {}}};
          for (int e = 0; e < r.n_expert; ++e) row["logits"].push_back(3 * random.normal());
          for (const char* mask : {"", "+mask:0.3,0.9"})
            EXPECT_EQ(routed(RoutingPolicy(cat("topk:trained,anchored", mask), r), row),
                      routed(RoutingPolicy(cat("topk", mask), r), row));
          if (!renormalize) {
            EXPECT_EQ(routed(RoutingPolicy("topk:2,anchored", r), row),
                      routed(RoutingPolicy("topk:2", r), row))
                << "anchored by nature";
          }
        }
      }
  for (const char* name : {"mixtral.gguf", "qwen3moe.gguf", "gpt_oss.gguf", "deepseek3.gguf", "olmoe.gguf"}) {
    TinyModel m(golden(name));
    const std::vector<int> text{271, 4, 5, 6, 90, 17};
    EXPECT_EQ(m.logits(text, "topk:trained,anchored"), m.logits(text)) << name;
  }
}

/// Gates .1 .4 .2 .3 under a top-2 model: the trained two hold .7.
TEST(Anchored, ByPencil) {
  RouterSpec r;
  r.n_expert = 4, r.n_expert_used = 2, r.layers = {0};
  const nlohmann::json row{{"layer", 0},
                           {"position", 0},
                           {"logits", {std::log(1.), std::log(4.), std::log(2.), std::log(3.)}},
                           {"bias", {}}};
  const auto weights = [&](const std::string& text) { return routed(RoutingPolicy(text, r), row); };
  EXPECT_NEAR(weights("topk:1,anchored")[1], 4.0 / 7, 1e-6) << "not 1";
  const auto all = weights("topk:4,anchored");
  EXPECT_NEAR(all.at(1), 4.0 / 7, 1e-6);
  EXPECT_NEAR(all.at(0), 1.0 / 7, 1e-6) << "what another expert adds comes on top";
  EXPECT_NEAR(weights("topk:2,anchored+force:0.0")[0], 1.0 / 7, 1e-6)
      << "the anchor is the model's own choice";
  EXPECT_EQ(RoutingPolicy("topk:4,anchored", r).text(), "topk:4,anchored");
  EXPECT_EQ(RoutingPolicy("topk:trained,anchored", r).text(), "topk:trained,anchored");
  EXPECT_EQ(RoutingPolicy("topk:trained", r).text(), "topk");
  expect_refusal([&] { RoutingPolicy("topk:2,anchored,anchored", r); }, ErrorKind::usage, "given twice");
  expect_refusal([&] { RoutingPolicy("rank:2,anchored", r); }, ErrorKind::usage, "unexpected \"anchored\"");
}

}  // namespace rouse
