/// Texts that begin as earlier ones did: the same tokens at the cost of the new rows.
#include "support.h"

namespace rouse {
namespace {

std::vector<int> some_tokens(int n, int seed) {
  std::vector<int> out{271};
  for (int i = 1; i < n; ++i) out.push_back((i * 37 + seed * 11 + i * i) % 271);
  return out;
}

struct Texts {
  explicit Texts(int n_ctx = 1024)
      : m(golden("mixtral.gguf"), n_ctx), other(golden("mixtral.gguf"), n_ctx), tokenizer(m.model->file()) {
    options.n_predict = 8;
    options.ignore_eos = true;
    options.reuse = true;
  }
  Engines engines() { return {&m.engine, &other.engine}; }
  std::unique_ptr<Generation> run(const MethodOptions& method, const std::vector<int>& prompt) {
    const MethodModels models{m.model->spec(), false, &other.model->spec()};
    auto g = std::make_unique<Generation>(engines(), tokenizer, make_method(method, models), prompt, options);
    Generation* one = g.get();
    run_generations(engines(), {&one, 1});
    g->close();
    return g;
  }
  int64_t rows() const { return m.engine.cost().rows + other.engine.cost().rows; }
  TinyModel m, other;
  Tokenizer tokenizer;
  GenerateOptions options;
};

MethodOptions method(const std::string& name, const std::string& execution = "auto") {
  MethodOptions o;
  o.name = name;
  o.execution = execution;
  if (name == "dola") o.dola_layers = "0,1";
  if (name == "scmoe") o.weak = "rank:2", o.alpha = 0.01f;
  return o;
}

}  // namespace

TEST(Reuse, GivesTheTokensOfATextThatRanAlone) {
  const std::vector<int> begin = some_tokens(60, 1);
  std::vector<int> longer(begin.begin(), begin.begin() + 50);
  for (const int t : some_tokens(30, 9)) longer.push_back(t);
  std::vector<MethodOptions> methods{
      method("greedy"),        method("dola"),        method("scmoe", "plain"), method("scmoe", "fused"),
      method("scmoe", "lazy"), method("cd", "fused"), method("contrastive"),    method("beam")};
  methods.push_back(method("greedy"));
  methods.back().routing = "rank:3";
  methods.push_back(method("greedy"));
  methods.back().routing = "random:2,seed=4";
  for (const MethodOptions& o : methods) {
    Texts kept, fresh;
    fresh.options.reuse = false;
    kept.run(o, begin);
    const auto hit = kept.run(o, longer), miss = fresh.run(o, longer);
    EXPECT_EQ(hit->tokens(), miss->tokens()) << method_text(o);
    const bool branches = o.name == "contrastive" || o.name == "beam";
    EXPECT_EQ(hit->reused(), branches ? 0 : 50) << method_text(o);
    EXPECT_EQ(miss->reused(), 0);
    EXPECT_EQ(hit->prefill().tokens, miss->prefill().tokens - hit->reused());
  }
}

/// Logits, not only what was best of them.
TEST(Reuse, GivesTheSameLogits) {
  Texts t;
  const std::vector<int> begin = some_tokens(40, 2);
  t.run(method("greedy"), begin);
  const RoutingPolicy policy("topk", t.m.router());
  const SeqId shared = t.m.engine.kept().begin({policy.text(), policy.hash()}, begin),
              whole = t.m.engine.open();
  ASSERT_GE(shared, 0);
  ASSERT_EQ(t.m.engine.length(shared), 39) << "the last row is run, for its logits";
  RowGroup all{&policy, {}};
  for (const int token : begin) all.rows.push_back({whole, token, Output::none});
  all.rows.back().output = Output::logits;
  const StepResult& r = t.m.engine.run({all});
  const std::vector<float> expected(r.logits(39).begin(), r.logits(39).end());
  const StepResult& s = t.m.engine.run({{&policy, {{shared, begin.back(), Output::logits}}}});
  EXPECT_LT(max_difference(s.logits(0), expected), 1e-5f);
}

TEST(Reuse, ATurnOfAChatCostsItsOwnTokens) {
  for (const MethodOptions& o : {method("greedy"), method("scmoe", "plain"), method("scmoe", "fused")}) {
    Texts t;
    std::vector<int> conversation = some_tokens(20, 3);
    const int64_t n_stream = o.name == "scmoe" ? 2 : 1;
    for (int turn = 0; turn < 10; ++turn) {
      const int64_t before = t.rows();
      const auto g = t.run(o, conversation);
      // Its new tokens, the last of the answer before it, which was never run, and its own answer's but one.
      const int64_t prompt = turn == 0 ? 20 : 5 + 1;
      EXPECT_EQ(t.rows() - before, n_stream * (prompt + 7)) << method_text(o) << ", turn " << turn;
      conversation.insert(conversation.end(), g->tokens().begin(), g->tokens().end());
      for (int i = 0; i < 5; ++i) conversation.push_back((turn * 31 + i * 7) % 271);
    }
  }
}

TEST(Reuse, IsForTheSameRoutingAlone) {
  Texts t;
  const std::vector<int> prompt = some_tokens(30, 4);
  MethodOptions rank = method("greedy"), mask = method("greedy");
  rank.routing = "rank:2";
  mask.routing = "topk+mask:1.3";
  t.run(method("greedy"), prompt);
  EXPECT_EQ(t.run(rank, prompt)->reused(), 0);
  EXPECT_EQ(t.run(mask, prompt)->reused(), 0);
  EXPECT_EQ(t.run(method("greedy"), prompt)->reused(), 29);
  EXPECT_EQ(t.run(method("scmoe", "lazy"), prompt)->reused(), 29) << "its strong stream is routed alike";
  t.options.routing = true;
  EXPECT_EQ(t.run(method("greedy"), prompt)->reused(), 0) << "rows that do not run have no routing";
}

TEST(Reuse, GivesWayToWhoeverNeedsTheRoom) {
  Texts t(256);
  for (int seed = 0; seed < 12; ++seed) {
    Texts fresh(256);
    fresh.options.reuse = false;
    const std::vector<int> prompt = some_tokens(120 + seed, seed);
    EXPECT_EQ(t.run(method("greedy"), prompt)->tokens(), fresh.run(method("greedy"), prompt)->tokens());
    EXPECT_EQ(t.m.engine.n_free(), 256) << "what is kept counts as free";
  }
  EXPECT_EQ(t.run(method("greedy"), some_tokens(131, 11))->reused(), 130) << "the latest is still there";
  EXPECT_EQ(t.run(method("greedy"), some_tokens(120, 0))->reused(), 1)
      << "the first had to go, but for the BOS that all share";
  // All cells at once, and all sequences.
  const RoutingPolicy policy("topk", t.m.router());
  RowGroup all{&policy, {}};
  const SeqId seq = t.m.engine.open();
  for (int i = 0; i < 256; ++i) all.rows.push_back({seq, i, Output::none});
  t.m.engine.run({all});
  EXPECT_EQ(t.m.engine.kept().size(), 0u);
  EXPECT_EQ(t.m.engine.n_free(), 0);
  t.m.engine.close(seq);
  t.run(method("greedy"), some_tokens(20, 1));
  std::vector<SeqId> opened;
  for (int i = 0; i < kMaxSequence; ++i) opened.push_back(t.m.engine.open());
  EXPECT_EQ(t.m.engine.kept().size(), 0u);
  for (const SeqId s : opened) t.m.engine.close(s);
  EXPECT_EQ(t.m.engine.n_free(), 256);
}

TEST(Reuse, KeepsNothingOfATextWithANumberThatIsNotFinite) {
  const TempDir dir;
  TinyModel m(spoiled_model(dir, "mixtral.gguf", "blk.1.ffn_gate_inp.weight", 3));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.reuse = true;
  Generation g({&m.engine}, tokenizer, make_method({}, m.models()), some_tokens(10, 1), o);
  Generation* one = &g;
  EXPECT_THROW(run_generations({&m.engine}, {&one, 1}), Error);
  g.close();
  EXPECT_EQ(m.engine.kept().size(), 0u);
  EXPECT_EQ(m.engine.n_free(), m.engine.n_cell());
}

}  // namespace rouse
