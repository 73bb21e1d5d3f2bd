/// Methods driven by hand, without a model: what each asks for, and what it makes of the answers.
#include <cmath>

#include "support.h"

namespace rouse {
namespace {

/// Four tokens, two hidden values, four blocks of four experts.
class ByHand {
 public:
  template <class Set>
  explicit ByHand(const std::string& name, Set set) {
    MethodOptions o;
    o.name = name;
    set(o);
    for (ModelSpec* spec : {&spec_, &amateur_}) {
      spec->n_vocab = 4, spec->n_embd = 2, spec->n_layer = 4;
      spec->router.n_expert = 4, spec->router.n_expert_used = 2;
      spec->router.layers = {0, 1, 2, 3};
    }
    method_ = make_method(o, {spec_, false, &amateur_});
    method_->begin({.n_predict = 2, .end_tokens = {3}});
  }
  void append(std::vector<int> tokens) { method_->append(tokens); }
  Asks ask() { return method_->ask(filter_); }
  bool answer(std::vector<Answer> answers) { return method_->answer(answers, filter_, scores); }
  int best() const {
    return static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  }
  std::vector<float> scores;

 private:
  struct NoThree final : TokenFilter {
    void apply(std::span<float> s) const override { s[3] = -INFINITY; }
  } filter_;
  ModelSpec spec_, amateur_;
  std::unique_ptr<Method> method_;
};

const float kInf = INFINITY;
using Floats = std::vector<float>;

}  // namespace

TEST(DrivenByHand, GreedyHandsOutTheLogits) {
  ByHand m("greedy", [](auto&) {});
  m.append({0, 1});
  const auto asks = m.ask();
  ASSERT_EQ(asks.rows.size(), 1u);
  EXPECT_EQ(asks.rows[0].tokens, (std::vector<int>{0, 1}));
  EXPECT_EQ(asks.rows[0].output, Output::logits);
  EXPECT_TRUE(asks.rows[0].prompt);
  const Floats logits{1, 2, 3, 9};
  EXPECT_TRUE(m.answer({{logits}}));
  EXPECT_EQ(m.scores, (Floats{1, 2, 3, -kInf})) << "token 3 may not come";
  m.append({2});
  EXPECT_FALSE(m.ask().rows[0].prompt);
}

TEST(DrivenByHand, TwoStreamsAskForTheWeakLogitsOfThePlausibleTokens) {
  for (const char* method : {"scmoe", "cd"})
    for (const char* execution : {"plain", "fused", "lazy"}) {
      SCOPED_TRACE(cat(method, " ", execution));
      ByHand m(method, [&](auto& o) {
        if (o.name == "scmoe") o.weak = "rank:2";
        o.execution = execution;
      });
      m.append({0, 1});
      const Floats strong{2, 1, -1, 9}, row{0.5f, -0.5f};
      auto asks = m.ask();
      if (std::string(execution) == "fused") {
        ASSERT_EQ(asks.rows.size(), 2u);
        EXPECT_EQ(asks.rows[1].output, Output::hidden);
        EXPECT_FALSE(m.answer({{strong}, {{}, row}}));
      } else {
        ASSERT_EQ(asks.rows.size(), 1u) << "the weak stream waits";
        EXPECT_FALSE(m.answer({{strong}}));
        asks = m.ask();
        ASSERT_EQ(asks.rows.size(), 1u);
        EXPECT_EQ(asks.rows[0].stream, 1);
        EXPECT_EQ(asks.rows[0].tokens, (std::vector<int>{0, 1}));
        EXPECT_EQ(asks.rows[0].output, std::string(execution) == "plain" ? Output::logits : Output::hidden);
      }
      const Floats weak{1, 2, 5, 5}, of_plausible{1, 2};
      if (std::string(execution) == "plain") {
        EXPECT_TRUE(m.answer({{weak}}));
      } else {
        if (std::string(execution) == "lazy") {
          EXPECT_FALSE(m.answer({{{}, row}}));
        }
        asks = m.ask();
        ASSERT_EQ(asks.heads.size(), 1u);
        EXPECT_EQ(asks.heads[0].rows, row);
        EXPECT_EQ(asks.heads[0].tokens, (std::vector<int>{0, 1}));
        EXPECT_TRUE(asks.rows.empty());
        EXPECT_TRUE(m.answer({{of_plausible}}));
      }
      EXPECT_EQ(m.scores, (Floats{2.5f, 0.5f, -kInf, -kInf})) << "1.5 strong - 0.5 weak from -0.3 on";
    }
}

TEST(DrivenByHand, ASureLazyStepNeedsNoWeakRow) {
  ByHand m("scmoe", [](auto& o) { o.execution = "lazy"; });
  m.append({0});
  m.ask();
  const Floats sure{9, 1, 0, 0};
  EXPECT_TRUE(m.answer({{sure}}));
  m.append({0});
  ASSERT_EQ(m.ask().rows.size(), 1u);
  const Floats unsure{1, 1, -9, 0};
  EXPECT_FALSE(m.answer({{unsure}}));
  EXPECT_EQ(m.ask().rows[0].tokens, (std::vector<int>{0, 0})) << "all that waited";
}

TEST(DrivenByHand, DolaContrastsWithTheLayerThatDiffersMost) {
  ByHand m("dola", [](auto& o) { o.dola_layers = "1,3", o.final_norm = 1; });
  m.append({0});
  auto asks = m.ask();
  EXPECT_EQ(asks.rows[0].exits, (std::vector<int>{1, 3}));
  const Floats mature{2, 1, 0, -9}, first{0.1f, 0.2f}, third{0.3f, 0.4f};
  EXPECT_FALSE(m.answer({{mature, {}, {first, third}}}));
  asks = m.ask();
  ASSERT_EQ(asks.heads.size(), 1u);
  EXPECT_EQ(asks.heads[0].rows, (Floats{0.1f, 0.2f, 0.3f, 0.4f}));
  EXPECT_TRUE(asks.heads[0].tokens.empty());
  EXPECT_TRUE(asks.heads[0].norm);
  const Floats premature{2, 1, 0, -9, 0, 2, 1, 0};  // layer 1 says the same, layer 3 another thing
  EXPECT_TRUE(m.answer({{premature}}));
  EXPECT_NEAR(m.scores[0] - m.scores[1], (2 - 1) - (0 - 2), 1e-5);
  EXPECT_NEAR(m.scores[0] - m.scores[2], (2 - 0) - (0 - 1), 1e-5);
  EXPECT_EQ(m.scores[3], -kInf) << "less than a tenth of the best one's probability";
  m.append({0});
  m.ask();
  const Floats sure{9, 0, 0, 0};
  EXPECT_TRUE(m.answer({{sure, {}, {first, third}}})) << "one token is kept: no early logits";
}

TEST(DrivenByHand, ContrastiveSearchPrefersWhatIsNotInTheContext) {
  ByHand m("contrastive", [](auto& o) { o.penalty_alpha = 0.6f, o.candidates = 2; });
  m.append({2});
  EXPECT_TRUE(m.ask().rows[0].every);
  const Floats logits{std::log(3.0f), 0, -kInf, 9}, context{1, 0};
  EXPECT_FALSE(m.answer({{logits, context}}));
  const auto asks = m.ask();
  ASSERT_EQ(asks.rows.size(), 2u);
  EXPECT_EQ(asks.rows[0].tokens[0], 0);
  EXPECT_EQ(asks.rows[1].tokens[0], 1);
  EXPECT_NE(asks.rows[0].branch, asks.rows[1].branch);
  const Floats like{2, 0}, unlike{0, 5};
  EXPECT_TRUE(m.answer({{logits, like}, {logits, unlike}}));
  EXPECT_NEAR(m.scores[0], 0.4 * 0.75 - 0.6 * 1, 1e-6);
  EXPECT_NEAR(m.scores[1], 0.4 * 0.25 - 0.6 * 0, 1e-6);
  EXPECT_EQ(m.scores[2], -kInf);
}

TEST(DrivenByHand, BeamSearchFindsTheTextThatGreedyMisses) {
  ByHand m("beam", [](auto& o) { o.beams = 2; });
  m.append({2});
  const auto logs = [](Floats p) {
    for (float& x : p) x = std::log(x);
    return p;
  };
  ASSERT_EQ(m.ask().rows.size(), 1u);
  const Floats first = logs({0.5f, 0.3f, 0.2f, 0.1f});
  EXPECT_FALSE(m.answer({{first}}));
  const auto asks = m.ask();
  ASSERT_EQ(asks.rows.size(), 2u);
  EXPECT_EQ(asks.rows[0].tokens[0], 0);
  EXPECT_EQ(asks.rows[1].tokens[0], 1);
  const Floats after_0 = logs({0.4f, 0.3f, 0.3f, 0.1f}), after_1 = logs({0.9f, 0.05f, 0.05f, 0.1f});
  EXPECT_TRUE(m.answer({{after_0}, {after_1}}));
  EXPECT_EQ(m.best(), 1) << "0.3 * 0.9 beats 0.5 * 0.4";
  m.append({1});
  EXPECT_TRUE(m.ask().empty());
  EXPECT_TRUE(m.answer({}));
  EXPECT_EQ(m.best(), 0);
}

}  // namespace rouse
