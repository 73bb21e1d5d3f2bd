/// Plans that are controls, and what-if questions, against pencil and full passes.
#include "calibration/plan_controls.h"

#include <numeric>

#include "base/statistics.h"
#include "calibration/whatif.h"
#include "support.h"

namespace rouse {
namespace {

Plan measured() {
  RouterSpec router;
  router.n_expert = 3, router.n_expert_used = 2, router.layers = {0, 2};
  Plan p = Plan::empty(router, "llama", 3);
  p.intensity = {0.5, 2};
  p.impact = {{0.5, -1, NAN}, {1, 2, 3}};
  p.samples = {{3, 4, 0}, {1, 1, 9}};
  p.budget = {1, 3};
  return p;
}

}  // namespace

TEST(PlanControls, UniformAndCountedPlansHaveTheBudgetsTheySay) {
  const GgufFile file(golden("mixtral.gguf"));  // 3 layers of 8 experts, top-2
  const Plan uniform = uniform_plan(file);
  EXPECT_EQ(uniform.budget, (std::vector<int>{2, 2, 2}));
  EXPECT_EQ(uniform.fingerprint, file.fingerprint());
  EXPECT_EQ(counted_plan(file, "1, 4,8").budget, (std::vector<int>{1, 4, 8}));
  expect_refusal([&] { counted_plan(file, "1,4"); }, ErrorKind::usage, "2 budgets, the model has 3");
  expect_refusal([&] { counted_plan(file, "1,4,9"); }, ErrorKind::usage, "\"9\" is not a budget of 1 to 8");
  const Plan random = random_plan(file, 7);
  EXPECT_EQ(std::accumulate(random.budget.begin(), random.budget.end(), 0), 6) << "at the same cost";
  EXPECT_EQ(plan_text(random), plan_text(random_plan(file, 7)));
  EXPECT_NE(random.impact, random_plan(file, 8).impact);
}

TEST(PlanControls, ShufflingMovesNumbersAndFrequencyReplacesThem) {
  const Plan source = measured();
  bool moved = false;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Plan p = shuffled_plan(source, seed);
    moved = moved || p.budget != source.budget;
    EXPECT_EQ(p.budget[0] + p.budget[1], 4);
    EXPECT_EQ(p.intensity[0] == 2, p.budget[0] == 3) << "a budget goes with its intensity";
    std::vector<double> impact = p.impact[1];
    std::sort(impact.begin(), impact.end());
    EXPECT_EQ(impact, (std::vector<double>{1, 2, 3})) << "within its layer";
  }
  EXPECT_TRUE(moved);
  const Plan p = frequency_plan(source);
  EXPECT_EQ(p.impact, (std::vector<std::vector<double>>{{3, 4, 0}, {1, 1, 9}}));
  EXPECT_EQ(p.budget, source.budget);
}

/// In the last block a row's experts change its own logits alone, so a mask over a whole pass says the same.
TEST(WhatIf, ABannedExpertOfTheLastBlockIsAMaskThere) {
  TinyModel m(golden("mixtral.gguf"), 1024);
  const Tokenizer tokenizer{GgufFile(golden("mixtral.gguf"))};
  const std::vector<int> prompt{271, 5, 9};
  const int next = 17;
  const auto log_p = [&](const std::string& routing) {
    const std::vector<float> logits = m.logits(prompt, routing);
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x));
    return static_cast<double>(logits[next]) - std::log(sum);
  };
  WhatIf question{prompt, {next}, 0, {}, false};
  for (int e = 0; e < 8; ++e) question.questions.push_back({{2, e}, true});
  const Json answers = what_if(m.engine, tokenizer, question);
  ASSERT_EQ(answers.size(), 8u);
  double largest = 0;
  for (int e = 0; e < 8; ++e) {
    const Json& token = answers[static_cast<size_t>(e)]["tokens"][0];
    EXPECT_NEAR(token["logprob"].get<double>(), log_p("topk"), 1e-4);
    EXPECT_NEAR(token["change"].get<double>(), log_p(cat("topk+mask:2.", e)) - log_p("topk"), 1e-4) << e;
    largest = std::max(largest, std::abs(token["change"].get<double>()));
  }
  EXPECT_GT(largest, 1e-3) << "two of them are chosen";
  question.questions.clear(), question.rank = true;
  const Json ranked = what_if(m.engine, tokenizer, question);
  ASSERT_EQ(ranked.size(), 24u) << "three blocks of eight";
  for (size_t i = 1; i < ranked.size(); ++i)
    EXPECT_GE(std::abs(ranked[i - 1]["change"].get<double>()), std::abs(ranked[i]["change"].get<double>()));
  question.continuation = {next, next};
  expect_refusal([&] { what_if(m.engine, tokenizer, question); }, ErrorKind::usage, "rank wants one token");
}

}  // namespace rouse
