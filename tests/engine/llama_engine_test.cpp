/// libllama's engine against rouse's own on the same files, against unmodified libllama, and what it refuses.
#include "engine/llama_engine.h"

#include <algorithm>
#include <numeric>

#include "decoding/scoring.h"
#include "peer.h"
#include "routing/plan.h"
#include "tokenizer/tokenizer.h"

namespace rouse {
namespace {

/// The same file in both engines, F32 caches.
struct BothEngines {
  explicit BothEngines(const std::string& path, int n_slot = 0)
      : own(path, 512),
        model(std::make_shared<LlamaModel>(path, own.devices, Placement{}, n_slot)),
        engine(model, {.n_ctx = 512, .n_cell = 2048, .n_batch = 64, .kv_type = GGML_TYPE_F32}) {}
  TinyModel own;
  std::shared_ptr<const LlamaModel> model;
  LlamaEngine engine;
};

/// Logits and routing of every row of a text.
StepResult run_text(Engine& engine, const RoutingPolicy& policy, const std::vector<int>& tokens) {
  const SeqId seq = engine.open();
  RowGroup group{&policy, {}};
  for (const int t : tokens) group.rows.push_back({seq, t, Output::logits});
  StepResult out = engine.run({.batch = {&group, 1}, .taps = {.routing = policy.router().moe()}});
  engine.close(seq);
  return out;
}

std::vector<int> generated(Engine& engine, const MethodModels& models, const Tokenizer& tokenizer,
                           const MethodOptions& method, std::vector<TokenScore>* scores = nullptr) {
  GenerateOptions o;
  o.n_predict = 24;
  o.ignore_eos = true;
  o.n_top = 2;
  Generation generation({&engine}, tokenizer, make_method(method, models), {271, 4, 9, 66}, o);
  Generation* one = &generation;
  run_generations({&engine}, {&one, 1});
  EXPECT_FALSE(generation.error()) << generation.error()->what();
  if (scores) *scores = generation.scores();
  return generation.tokens();
}

/// Equal up to the first choice whose two best scores are nearer than the engines' rounding.
void expect_same_tokens(BothEngines& both, const MethodOptions& method, const std::string& what) {
  const Tokenizer tokenizer(both.own.model->file());
  std::vector<TokenScore> scores;
  const auto own = generated(both.own.engine, both.own.models(), tokenizer, method, &scores);
  const auto other = generated(both.engine, {both.engine.spec(), false, nullptr, both.engine.abilities()},
                               tokenizer, method);
  ASSERT_EQ(own.size(), 24u) << what;
  ASSERT_EQ(other.size(), 24u) << what;
  size_t n = 0;
  while (n < own.size() && own[n] == other[n]) ++n;
  if (n == own.size()) return;
  const auto& top = scores[n].top;
  ASSERT_EQ(top.size(), 2u);
  EXPECT_LT(top[0].second - top[1].second, 1e-3) << what << " differs at token " << n;
}

}  // namespace

class LlamaEngineFamily : public testing::TestWithParam<const char*> {};

/// Every kind of choice: the same experts in the same order, the same counts, logits within rounding.
TEST_P(LlamaEngineFamily, RoutesAsRousesOwnEngine) {
  const std::string path = golden(std::string(GetParam()) + ".gguf");
  const TempDir dir;
  BothEngines first(path);
  const RouterSpec& router = first.own.router();
  ASSERT_TRUE(first.model->spec().router.moe()) << first.model->spec().router.why_not;
  EXPECT_EQ(first.model->spec().router.layers, router.layers);
  EXPECT_EQ(first.model->spec().router.n_expert, router.n_expert);
  EXPECT_EQ(first.model->spec().router.n_expert_used, router.n_expert_used);
  EXPECT_EQ(first.model->spec().router.gate, router.gate);
  EXPECT_EQ(first.model->spec().router.renormalize, router.renormalize);
  EXPECT_NEAR(first.model->spec().router.scale, router.scale, 1e-6);
  Plan plan = Plan::empty(router, first.own.model->spec().arch, first.own.model->spec().n_layer);
  plan.fingerprint = first.own.model->file().fingerprint();
  plan.budget.front() = std::max(1, plan.budget.front() - 1);
  std::ofstream(dir / "p.cor.json") << plan_text(plan);
  const int block = router.layers.front();
  std::vector<std::string> texts{
      "topk",
      "topk:1",
      "topk:3",
      "rank:2",
      "random:1,seed=4",
      "dynamic:0.5,max=3",
      cat("topk+mask:", block, ".0", router.n_group > 1 ? "" : cat(",", block, ".1")),
      cat("topk+force:", block, ".2"),
      cat("plan:", dir / "p.cor.json")};
  if (router.renormalize) texts.push_back("topk:3,anchored");
  for (const std::string& text : texts) {
    const RoutingPolicy policy(text, router);
    BothEngines both(path, std::max(policy.most_experts(), router.n_expert_used));
    const StepResult own = run_text(both.own.engine, policy, kText);
    const StepResult other = run_text(both.engine, policy, kText);
    EXPECT_EQ(other.cost.expert_evaluations, own.cost.expert_evaluations) << text;
    EXPECT_EQ(other.cost.idle_evaluations + other.cost.expert_evaluations,
              static_cast<int64_t>(kText.size() * router.layers.size()) * both.model->n_slot());
    for (size_t row = 0; row < kText.size(); ++row) {
      for (size_t l = 0; l < router.layers.size(); ++l)
        EXPECT_EQ(other.routing[row][l].experts, own.routing[row][l].experts) << text << " row " << row;
      EXPECT_LT(max_difference(other.logits(row), own.logits(row)), 2e-3f) << text << " row " << row;
    }
  }
}

TEST_P(LlamaEngineFamily, GivesTheTokensOfRousesOwnEngine) {
  const std::string path = golden(std::string(GetParam()) + ".gguf");
  BothEngines both(path, 4);
  for (const char* routing : {"topk", "topk:4", "rank:2"}) {
    MethodOptions o;
    o.name = "greedy";
    o.routing = routing;
    expect_same_tokens(both, o, routing);
  }
  for (const char* execution : {"plain", "fused", "lazy"}) {
    MethodOptions o;
    o.name = "scmoe";
    o.execution = execution;
    expect_same_tokens(both, o, execution);
  }
}

/// Logits of the last row, which alone has an output, as PeerModel runs it.
std::vector<float> last_logits(Engine& engine, const RoutingPolicy& policy, const std::vector<int>& tokens) {
  const SeqId seq = engine.open();
  RowGroup group{&policy, {}};
  for (const int t : tokens) group.rows.push_back({seq, t, Output::none});
  group.rows.back().output = Output::logits;
  const auto last = engine.run({group}).logits(tokens.size() - 1);
  std::vector<float> out(last.begin(), last.end());
  engine.close(seq);
  return out;
}

/// The model's own rule is left alone; an expert that nobody chose can be banned without a trace.
TEST_P(LlamaEngineFamily, LeavesTheModelsOwnRuleBitForBit) {
  const std::string path = golden(std::string(GetParam()) + ".gguf");
  BothEngines both(path);
  const PeerModel peer(path);
  const RoutingPolicy own("topk", both.engine.spec().router);
  const StepResult r = run_text(both.engine, own, kText);
  EXPECT_EQ(max_difference(last_logits(both.engine, own, kText), peer.logits(kText)), 0);
  const int block = both.engine.spec().router.layers.back();
  std::set<int> used;
  for (const auto& row : r.routing) used.insert(row.back().experts.begin(), row.back().experts.end());
  int unused = 0;
  while (used.count(unused)) ++unused;
  if (unused == both.engine.spec().router.n_expert) return;
  const RoutingPolicy banned(cat("topk+mask:", block, ".", unused), both.engine.spec().router);
  const StepResult b = run_text(both.engine, banned, kText);
  // Gates that keep their softmax values get the share of a banned expert.
  if (const RouterSpec& rule = both.engine.spec().router; rule.renormalize || rule.gate == Gate::sigmoid) {
    EXPECT_LT(max_difference(b.logits(kText.size() - 1), r.logits(kText.size() - 1)), 1e-5f);
  }
  const RoutingPolicy forced(cat("topk+force:", block, ".", unused), both.engine.spec().router);
  EXPECT_GT(max_difference(run_text(both.engine, forced, kText).logits(kText.size() - 1),
                           r.logits(kText.size() - 1)),
            1e-5f);
}

// Those that libllama computes as transformers and rouse do (tests/engine/peer_test.cpp).
INSTANTIATE_TEST_SUITE_P(Models, LlamaEngineFamily,
                         testing::Values("mixtral", "deepseek", "deepseek3", "qwen2moe", "qwen3moe",
                                         "granitemoe", "glm4moe", "minimax_m2", "dots1", "ernie4_5_moe",
                                         "hunyuan_moe"),
                         [](const auto& info) { return std::string(info.param); });

/// Texts of several policies in one batch, forks and tails: each is what it is alone.
TEST(LlamaEngine, TextsBesideEachOtherAreWhatTheyAreAlone) {
  BothEngines both(golden("qwen3moe.gguf"), 4);
  const RouterSpec& router = both.engine.spec().router;
  const RoutingPolicy policies[] = {{"topk", router}, {"rank:2", router}, {"topk:4", router}};
  std::vector<SeqId> seqs;
  std::vector<std::vector<float>> alone;
  Batch batch;
  for (const RoutingPolicy& policy : policies) {
    const StepResult r = run_text(both.engine, policy, kText);
    const auto last = r.logits(kText.size() - 1);
    alone.emplace_back(last.begin(), last.end());
    seqs.push_back(both.engine.open());
    RowGroup group{&policy, {}};
    for (const int t : kText) group.rows.push_back({seqs.back(), t, Output::none});
    group.rows.back().output = Output::logits;
    batch.push_back(group);
  }
  const StepResult& r = both.engine.run(batch);
  for (size_t i = 0; i < alone.size(); ++i)
    EXPECT_LT(max_difference(r.logits((i + 1) * kText.size() - 1), alone[i]), 1e-4f) << i;
  // The first text goes on from its middle, in a fork and after a trim.
  const int half = static_cast<int>(kText.size()) / 2;
  const SeqId fork = both.engine.fork(seqs[0], half);
  both.engine.trim(seqs[0], half);
  for (const SeqId seq : {fork, seqs[0]}) {
    RowGroup group{&policies[0], {}};
    for (size_t t = static_cast<size_t>(half); t < kText.size(); ++t)
      group.rows.push_back({seq, kText[t], Output::none});
    group.rows.back().output = Output::logits;
    EXPECT_LT(max_difference(both.engine.run({group}).logits(group.rows.size() - 1), alone[0]), 1e-4f);
  }
  for (const SeqId seq : seqs) both.engine.close(seq);
  both.engine.close(fork);
  EXPECT_EQ(both.engine.n_free(), both.engine.n_cell());
}

TEST(LlamaEngine, RefusesByNameWhatItCannotDo) {
  BothEngines both(golden("mixtral.gguf"));
  const MethodModels models{both.engine.spec(), false, nullptr, both.engine.abilities()};
  for (const auto& [name, what] : {std::pair("dola", "dola needs rows that leave early"),
                                   std::pair("contrastive", "contrastive needs hidden rows")}) {
    MethodOptions o;
    o.name = name;
    expect_refusal([&] { make_method(o, models); }, ErrorKind::unsupported, what);
  }
  const RoutingPolicy wide("topk:3", both.engine.spec().router);
  expect_refusal([&] { run_text(both.engine, wide, {1}); }, ErrorKind::unsupported, "was opened for 2");
  const RoutingPolicy own("topk", both.engine.spec().router);
  const SeqId seq = both.engine.open();
  const RowGroup hidden{&own, {{seq, 1, Output::hidden}}}, row{&own, {{seq, 1, Output::none}}};
  expect_refusal([&] { both.engine.run({hidden}); }, ErrorKind::unsupported, "hidden rows");
  expect_refusal(
      [&] {
        both.engine.run({.batch = {&row, 1}, .taps = {.exits = {0}}});
      },
      ErrorKind::unsupported, "leave early");
  EXPECT_EQ(both.engine.length(seq), 0);
  expect_refusal([] { LlamaModel(golden("mixtral.gguf"), std::make_shared<Devices>(1), {}, 9); },
                 ErrorKind::bad_model, "9 experts a row of the 8");
  expect_refusal([] { LlamaModel(golden("mixtral.json"), std::make_shared<Devices>(1)); },
                 ErrorKind::bad_model, "mixtral.json");
}

/// A dense model runs as it is.
TEST(LlamaEngine, RunsADenseModelAsItIs) {
  BothEngines both(golden("qwen3.gguf"));
  EXPECT_FALSE(both.engine.spec().router.moe());
  const RoutingPolicy own("topk", both.engine.spec().router);
  EXPECT_EQ(
      max_difference(last_logits(both.engine, own, kText), PeerModel(golden("qwen3.gguf")).logits(kText)), 0);
  expect_refusal([&] { RoutingPolicy("topk:2", both.engine.spec().router); }, ErrorKind::usage, "is dense");
}

/// A router that gives NaN ends its text, also where libllama's own choice is left alone.
TEST(LlamaEngine, ATextWhoseRouterFailsIsMarked) {
  const TempDir dir;
  const std::string path = spoiled_model(dir, "mixtral.gguf", "token_embd.weight", 7);
  BothEngines both(path);
  for (const char* routing : {"topk", "rank:2"}) {
    const RoutingPolicy policy(routing, both.engine.spec().router);
    const SeqId seq = both.engine.open();
    const RowGroup bad{&policy, {{seq, 7, Output::logits}}};
    const StepResult& r = both.engine.run({bad});
    EXPECT_THROW(r.logits(0), Error) << routing;
    both.engine.close(seq);
  }
}

/// Given texts score as by rouse's own engine.
TEST(LlamaEngine, ScoresTexts) {
  BothEngines both(golden("deepseek.gguf"));
  const ScoreRequest request{{271, 4, 9}, {{66, 3}, {12, 9, 30}}};
  MethodOptions o;
  o.name = "scmoe";
  Scorer own({&both.own.engine}, make_method(o, both.own.models()), 0.1f),
      other({&both.engine}, make_method(o, {both.engine.spec(), false, nullptr, both.engine.abilities()}),
            0.1f);
  const auto a = own.score({&request, 1})[0], b = other.score({&request, 1})[0];
  ASSERT_FALSE(b.error) << b.error->what();
  for (size_t c = 0; c < 2; ++c)
    for (size_t t = 0; t < a.log_probs[c].size(); ++t)
      EXPECT_NEAR(a.log_probs[c][t], b.log_probs[c][t], 1e-3);
}

}  // namespace rouse
