/// RoE: driven by hand, against float64 NumPy (tools/golden/routing.py), and what it costs.
#include <cmath>

#include "support.h"

namespace rouse {
namespace {

struct NoFilter final : TokenFilter {
  void apply(std::span<float>) const override {}
};

std::unique_ptr<Generation> text_of(TinyModel& m, const Tokenizer& tokenizer, const MethodOptions& method,
                                    const std::vector<int>& prompt, const GenerateOptions& o) {
  auto g =
      std::make_unique<Generation>(Engines{&m.engine}, tokenizer, make_method(method, m.models()), prompt, o);
  Generation* one = g.get();
  run_generations({&m.engine}, {&one, 1});
  return g;
}

MethodOptions roe_of(int routes) {
  MethodOptions o;
  o.name = "roe", o.routes = routes;
  return o;
}

}  // namespace

TEST(Roe, TakesTheMeanOfTheRoutesLogits) {
  TinyModel m(golden("mixtral.gguf"));
  const auto method = make_method(roe_of(3), m.models());
  ASSERT_EQ(method->streams().size(), 3u);
  EXPECT_EQ(method->streams()[0].policy.text(), "topk") << "the first route is the stream's own";
  EXPECT_EQ(method->streams()[1].policy.text(), "explore:2,keep=0,pool=8,temp=0.5,seed=1");
  EXPECT_EQ(method->streams()[2].policy.text(), "explore:2,keep=0,pool=8,temp=0.5,seed=2");
  MethodOptions masked = roe_of(2);
  masked.routing = "topk:3,anchored+mask:1.4";
  EXPECT_EQ(make_method(masked, m.models())->streams()[1].policy.text(),
            "explore:2,keep=0,pool=7,temp=0.5,seed=1+mask:1.4")
      << "a mask is of all routes";
  method->begin({.n_predict = 2, .end_tokens = {}});
  method->append(std::vector<int>{4, 5});
  const NoFilter filter;
  const Asks asks = method->ask(filter);
  ASSERT_EQ(asks.rows.size(), 3u) << "one round: one graph";
  for (size_t s = 0; s < 3; ++s) {
    EXPECT_EQ(asks.rows[s].stream, static_cast<int>(s));
    EXPECT_EQ(asks.rows[s].tokens, (std::vector<int>{4, 5}));
    EXPECT_TRUE(asks.rows[s].prompt);
  }
  const std::vector<float> a{1, 2, 3}, b{3, 0, 3}, c{2, 1, -6};
  std::vector<float> scores;
  EXPECT_TRUE(method->answer(std::vector<Answer>{{a}, {b}, {c}}, filter, scores));
  EXPECT_EQ(scores, (std::vector<float>{2, 1, 0}));
  EXPECT_NEAR(method->score(std::vector<Answer>{{a}, {b}, {c}}, 1, 0),
              1 - std::log(std::exp(2.0) + std::exp(1.0) + 1), 1e-6);
  EXPECT_EQ(method->score(std::vector<Answer>{{a}, {b}, {c}}, 2, 0.5f), Method::kMasked);
}

TEST(Roe, TextsEqualTheirReference) {
  std::map<std::string, std::unique_ptr<TinyModel>> models;
  int equal = 0, skipped = 0;
  const auto golden_texts = golden_json("routing.json")["texts"];
  for (const auto& c : golden_texts) {
    const std::string name = c["model"];
    if (!models.count(name)) models[name] = std::make_unique<TinyModel>(golden(name + ".gguf"));
    TinyModel& m = *models[name];
    const Tokenizer tokenizer(m.model->file());
    MethodOptions method = roe_of(c["options"]["routes"]);
    method.route_policy = c["options"]["route_policy"];
    GenerateOptions o;
    o.follow = c["tokens"].get<std::vector<int>>();
    const auto g = text_of(m, tokenizer, method, c["prompt"], o);
    ASSERT_EQ(g->choices().size(), o.follow.size());
    for (size_t i = 0; i < o.follow.size(); ++i) {
      if (c["margins"][i].get<double>() < 1e-5) {
        ++skipped;
        continue;
      }
      EXPECT_EQ(g->choices()[i], o.follow[i]) << name << " step " << i << " margin " << c["margins"][i];
      ++equal;
    }
  }
  EXPECT_GT(equal, 80);
  RecordProperty("skipped", skipped);
}

TEST(Roe, OfOneRouteIsGreedy) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = 20, o.ignore_eos = true;
  EXPECT_EQ(text_of(m, tokenizer, roe_of(1), {271, 5, 9}, o)->tokens(),
            text_of(m, tokenizer, {}, {271, 5, 9}, o)->tokens());
  MethodOptions more = roe_of(4);
  more.routing = "topk:1,anchored";  // composes
  EXPECT_EQ(text_of(m, tokenizer, more, {271, 5, 9}, o)->tokens().size(), 20u);
  expect_refusal([&] { make_method(roe_of(65), m.models()); }, ErrorKind::usage,
                 "routes is 65, expected 1 to 64");
}

/// Three blocks of top-2; the last runs only the prompt's last row.
TEST(Roe, CostsItsRoutesInTheSameNumberOfGraphs) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  constexpr int kSteps = 39, kRoutes = 3;
  GenerateOptions o;
  o.n_predict = kSteps + 1;
  for (int i = 0; i <= kSteps; ++i) o.follow.push_back(3 + (i * 7) % 90);
  const std::vector<int> prompt{271, 5, 9, 11, 7};
  const auto cost_of = [&](const MethodOptions& method) {
    const Cost before = m.engine.cost();
    text_of(m, tokenizer, method, prompt, o);
    return m.engine.cost() - before;
  };
  const Cost greedy = cost_of({}), roe = cost_of(roe_of(kRoutes));
  EXPECT_EQ(greedy.expert_evaluations, 2 * (5 + 5 + 1) + kSteps * 2 * 3);
  EXPECT_EQ(roe.expert_evaluations, kRoutes * greedy.expert_evaluations);
  EXPECT_EQ(roe.rows, kRoutes * (5 + kSteps));
  EXPECT_EQ(roe.head_rows, kRoutes * (kSteps + 1));
  EXPECT_EQ(roe.steps, 1 + kSteps) << "all rows of a token in one graph";
  EXPECT_EQ(roe.steps, greedy.steps);
  EXPECT_LT(roe.weight_bytes, kRoutes * greedy.weight_bytes) << "what routes share is read once";
  EXPECT_EQ(n_cell(roe_of(kRoutes), 100), 300);
}

TEST(SamplesOverPolicies, TakeThemInTurnWithLaterSeeds) {
  MethodOptions o;
  o.routing_per_sample = "topk:1,'explore:2,keep=1'";
  EXPECT_EQ(of_sample(o, 0).routing, "topk:1");
  EXPECT_EQ(of_sample(o, 1).routing, "explore:2,keep=1,seed=1");
  EXPECT_EQ(of_sample(o, 2).routing, "topk:1");
  EXPECT_EQ(of_sample(o, 3).routing, "explore:2,keep=1,seed=3");
  EXPECT_TRUE(of_sample(o, 3).routing_per_sample.empty());
  EXPECT_TRUE(samples_differ(o, 2));
  EXPECT_FALSE(samples_differ(o, 3));
  o.routing_per_sample = "explore:2";
  EXPECT_TRUE(samples_differ(o, 8));
  o.routing_per_sample.clear();
  EXPECT_FALSE(samples_differ(o, 2));
}

}  // namespace rouse
