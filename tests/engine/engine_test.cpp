#include "engine/engine.h"

#include "support.h"

namespace rouse {
namespace {

const std::vector<int> kText = {271, 5, 17, 200, 33, 90, 121, 7, 8, 64, 250, 3};

/// The policies that a model can be routed by: a dense one has only its own rule.
std::vector<std::string> usable(const TinyModel& m, std::vector<std::string> routings) {
  if (!m.model->spec().router.moe()) routings.assign(routings.size(), "topk");
  return routings;
}

/// Experts by H, best first, without those of groups that are not among the best: methods as written, slowly.
std::vector<int> plain_order(const RouterSpec& r, const std::vector<float>& logits,
                             const std::vector<float>& bias) {
  std::vector<float> h(logits.size());
  router_gates(r, logits, h);
  for (size_t e = 0; e < bias.size(); ++e) h[e] += bias[e];
  const int size = r.n_expert / r.n_group;
  std::vector<std::pair<float, int>> groups;
  for (int g = 0; g < r.n_group; ++g) {
    std::vector<float> members(h.begin() + g * size, h.begin() + (g + 1) * size);
    std::sort(members.rbegin(), members.rend());
    const bool two = r.group_score == GroupScore::best_two && r.n_group > 1;
    groups.emplace_back(-(members[0] + (two ? members[1] : 0)), g);
  }
  std::sort(groups.begin(), groups.end());
  std::vector<int> order;
  for (int g = 0; g < r.n_group_used; ++g)
    for (int e = 0; e < size; ++e) order.push_back(groups[static_cast<size_t>(g)].second * size + e);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const float x = h[static_cast<size_t>(a)], y = h[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  });
  return order;
}

class EngineTest : public testing::TestWithParam<const char*> {
 protected:
  std::string file() const { return golden(std::string(GetParam()) + ".gguf"); }
};

/// Logits of every token, appended in pieces of `step`.
std::vector<std::vector<float>> run_in_steps(TinyModel& m, const std::string& routing, size_t step) {
  const RoutingPolicy policy(routing, m.router());
  const SeqId seq = m.engine.open();
  std::vector<std::vector<float>> out;
  for (size_t i = 0; i < kText.size(); i += step) {
    RowGroup group{&policy, {}};
    for (size_t j = i; j < std::min(kText.size(), i + step); ++j)
      group.rows.push_back({seq, kText[j], Output::logits});
    const StepResult& r = m.engine.run({group});
    for (size_t j = 0; j < group.rows.size(); ++j) out.emplace_back(r.logits(j).begin(), r.logits(j).end());
  }
  m.engine.close(seq);
  return out;
}

}  // namespace

TEST_P(EngineTest, SteppingEqualsPrefill) {
  TinyModel m(file());
  for (const auto& routing :
       usable(m, {"topk", "topk:4", "rank:2", "random:2,seed=3", "dynamic:0.6", "topk+mask:1.2,2.3"})) {
    const auto whole = run_in_steps(m, routing, kText.size());
    for (const size_t step : {1, 2, 5}) {
      const auto steps = run_in_steps(m, routing, step);
      for (size_t i = 0; i < whole.size(); ++i)
        EXPECT_LT(max_difference(whole[i], steps[i]), 2e-4f) << routing << " step " << step;
    }
  }
}

TEST_P(EngineTest, APromptLongerThanABatchEqualsOneBatch) {
  TinyModel small(file(), 256, GGML_TYPE_F32, true, 5), large(file());
  const std::string routing = usable(small, {"dynamic:0.5"})[0];
  EXPECT_LT(max_difference(small.logits(kText, routing), large.logits(kText, routing)), 2e-4f);
}

TEST_P(EngineTest, AGroupInAMixedBatchEqualsThatGroupAlone) {
  TinyModel m(file());
  const auto routings =
      usable(m, {"topk", "rank:2", "topk:4", "dynamic:0.6", "random:1", "topk+mask:1.0,2.1", "topk"});
  for (const size_t length : {size_t{2}, kText.size()}) {  // few rows run flat, many in grids
    const std::vector<int> text(kText.begin(), kText.begin() + static_cast<std::ptrdiff_t>(length));
    std::vector<std::vector<float>> alone;
    for (const auto& routing : routings) alone.push_back(m.logits(text, routing));
    std::vector<RoutingPolicy> policies;
    for (const auto& routing : routings) policies.emplace_back(routing, m.router());
    for (const size_t n_group : {2ul, 3ul, routings.size()}) {
      Batch batch;
      std::vector<SeqId> seqs;
      for (size_t g = 0; g < n_group; ++g) {
        seqs.push_back(m.engine.open(20));
        batch.push_back({&policies[g], {}});
        for (const int t : text) batch.back().rows.push_back({seqs.back(), t, Output::none});
        batch.back().rows.back().output = Output::logits;
      }
      const StepResult& r = m.engine.run(batch);
      for (size_t g = 0; g < n_group; ++g)
        EXPECT_LT(max_difference(r.logits((g + 1) * text.size() - 1), alone[g]), 2e-4f)
            << routings[g] << " of " << n_group;
      for (const SeqId seq : seqs) m.engine.close(seq);
    }
  }
}

TEST_P(EngineTest, ManySequencesEqualEachAlone) {
  TinyModel m(file());
  const RoutingPolicy policy("topk", m.router());
  std::vector<std::vector<int>> texts;
  for (size_t s = 0; s < 9; ++s)
    texts.emplace_back(kText.begin(), kText.begin() + 3 + static_cast<std::ptrdiff_t>(s));
  std::vector<std::vector<float>> alone;
  for (const auto& text : texts) alone.push_back(m.logits(text));
  RowGroup group{&policy, {}};
  std::vector<SeqId> seqs;
  std::vector<size_t> last;
  for (const auto& text : texts) {
    seqs.push_back(m.engine.open());
    for (const int t : text) group.rows.push_back({seqs.back(), t, Output::none});
    group.rows.back().output = Output::logits;
    last.push_back(group.rows.size() - 1);
  }
  const StepResult& r = m.engine.run({group});
  for (size_t s = 0; s < texts.size(); ++s) EXPECT_LT(max_difference(r.logits(last[s]), alone[s]), 2e-4f);
  for (const SeqId seq : seqs) m.engine.close(seq);
  EXPECT_EQ(m.engine.n_free(), m.engine.n_cell());
}

TEST_P(EngineTest, AForkSharesItsPrefixAndATrimForgets) {
  TinyModel m(file());
  const RoutingPolicy policy("topk", m.router());
  const auto append = [&](SeqId seq, const std::vector<int>& tokens) {
    RowGroup group{&policy, {}};
    for (const int t : tokens) group.rows.push_back({seq, t, Output::none});
    group.rows.back().output = Output::logits;
    const StepResult& r = m.engine.run({group});
    const auto l = r.logits(tokens.size() - 1);
    return std::vector<float>(l.begin(), l.end());
  };
  const std::vector<int> prefix(kText.begin(), kText.begin() + 6), a = {9, 8, 7}, b = {100, 101};
  const SeqId first = m.engine.open();
  append(first, prefix);
  const int free_before = m.engine.n_free();
  const SeqId second = m.engine.fork(first, 6);
  EXPECT_EQ(m.engine.n_free(), free_before) << "a shared prefix takes no cells";
  std::vector<int> whole_a = prefix, whole_b = prefix;
  whole_a.insert(whole_a.end(), a.begin(), a.end());
  whole_b.insert(whole_b.end(), b.begin(), b.end());
  EXPECT_LT(max_difference(append(first, a), m.logits(whole_a)), 2e-4f);
  EXPECT_LT(max_difference(append(second, b), m.logits(whole_b)), 2e-4f);
  m.engine.trim(first, 6);
  EXPECT_LT(max_difference(append(first, b), m.logits(whole_b)), 2e-4f);
  m.engine.close(first);
  m.engine.close(second);
  EXPECT_EQ(m.engine.n_free(), m.engine.n_cell());
}

TEST_P(EngineTest, TapsShowTheRoutingAndChangeNothing) {
  TinyModel m(file());
  if (!m.router().moe()) GTEST_SKIP() << "dense";
  const auto before = m.logits(kText, "rank:3");
  const RoutingPolicy policy("rank:3", m.router());
  RowGroup group{&policy, {}};
  const SeqId seq = m.engine.open();
  for (const int t : kText) group.rows.push_back({seq, t, Output::none});
  group.rows.back().output = Output::logits;
  const Cost cost = m.engine.cost();
  const StepResult& r =
      m.engine.run({.batch = {&group, 1}, .taps = {.routing = true, .exits = {0, 2}, .heads = true}});
  EXPECT_LT(max_difference(r.logits(kText.size() - 1), before), 2e-4f);
  ASSERT_EQ(r.routing.size(), kText.size());
  for (const auto& row : r.routing) {
    ASSERT_EQ(row.size(), m.router().layers.size());
    for (const RoutedRow& layer : row) {
      const auto block = static_cast<size_t>(m.router().layers[static_cast<size_t>(&layer - row.data())]);
      const auto order = plain_order(m.router(), layer.logits, m.model->layers()[block].selection_bias);
      EXPECT_EQ(layer.experts, std::vector<int>{order[2]});
    }
  }
  EXPECT_EQ(r.exits.size(), 2u);
  EXPECT_EQ(r.exits[1].size(), static_cast<size_t>(m.model->spec().n_embd)) << "of the row with an output";
  EXPECT_EQ(r.heads.size(), static_cast<size_t>(m.model->spec().n_layer));
  EXPECT_EQ(r.heads[0].size(), static_cast<size_t>(m.model->spec().attention.n_embd_out()));
  EXPECT_EQ((m.engine.cost() - cost).expert_evaluations,
            static_cast<int64_t>(kText.size() * m.router().layers.size()));
}

/// A row that leaves after the last block and passes the final norm and the head by itself has the model's
/// logits.
TEST_P(EngineTest, ExitsMeetTheHeadWhereTheModelDoes) {
  TinyModel m(file());
  const int n_layer = m.model->spec().n_layer;
  const RoutingPolicy policy("topk", m.router());
  RowGroup group{&policy, {}};
  const SeqId seq = m.engine.open();
  for (const int t : kText) group.rows.push_back({seq, t, Output::logits});
  const StepResult& r = m.engine.run({.batch = {&group, 1}, .taps = {.exits = {1, n_layer}}});
  for (const size_t row : {size_t{0}, kText.size() - 1}) {
    std::vector<float> logits = head_logits(m.engine, r.exit(1, row), {}, true);
    const std::vector<int> few = {7, 3};
    const std::vector<float> two = head_logits(m.engine, r.exit(1, row), few, true);
    EXPECT_NEAR(two[0], logits[7], 1e-4);
    EXPECT_NEAR(two[1], logits[3], 1e-4);
    for (float& x : logits) x *= m.model->spec().logit_scale;
    EXPECT_LT(max_difference(r.logits(row), logits), 2e-4f);
  }
}

TEST_P(EngineTest, CostsCountWhatRan) {
  TinyModel m(file());
  if (!m.router().moe()) GTEST_SKIP() << "dense";
  const RoutingPolicy policy("topk", m.router());
  const SeqId seq = m.engine.open();
  m.engine.run({{&policy, {{seq, 5, Output::logits}}}});
  const auto n_layer = static_cast<int64_t>(m.router().layers.size());
  EXPECT_EQ(m.engine.cost().expert_evaluations, n_layer * m.router().n_expert_used);
  EXPECT_EQ(m.engine.cost().head_rows, 1);
  const WeightBytes& bytes = m.model->weight_bytes();
  uint64_t expected = bytes.dense + bytes.head;
  for (const uint64_t e : bytes.expert) expected += e * static_cast<uint64_t>(m.router().n_expert_used);
  EXPECT_EQ(m.engine.cost().weight_bytes, static_cast<int64_t>(expected));
  for (int block = 0; block < m.model->spec().n_layer; ++block)
    EXPECT_EQ(m.engine.expert_reads(block),
              std::ranges::count(m.router().layers, block) * m.router().n_expert_used);
}

TEST_P(EngineTest, RefusesBeforeAnythingChanged) {
  TinyModel m(file(), 256);
  const RoutingPolicy policy("topk", m.router());
  const SeqId seq = m.engine.open();
  expect_refusal(
      [&] {
        m.engine.run({{&policy, {{seq, 99999, Output::logits}}}});
      },
      ErrorKind::internal, "token 99999 is outside");
  expect_refusal(
      [&] {
        m.engine.run({{&policy, {{seq + 1, 1, Output::logits}}}});
      },
      ErrorKind::internal, "not open");
  RowGroup many{&policy, std::vector<Row>(257, Row{seq, 1, Output::none})};
  expect_refusal([&] { m.engine.run({many}); }, ErrorKind::no_room, "the context is full");
  EXPECT_EQ(m.engine.length(seq), 0);
  EXPECT_EQ(m.engine.n_free(), 256);
}

INSTANTIATE_TEST_SUITE_P(Models, EngineTest,
                         testing::Values("llama", "mixtral", "deepseek", "deepseek2", "deepseek2_plain",
                                         "deepseek2_lite", "deepseek3", "qwen2moe", "qwen3moe", "olmoe",
                                         "gpt_oss", "granitemoe"),
                         [](const auto& info) { return std::string(info.param); });

TEST(RoutePieces, SplitsRowsByWhatTheyNeed) {
  RouterSpec r;
  r.n_expert = 8;
  r.n_expert_used = 2;
  r.layers = {0};
  const RoutingPolicy two("topk", r), one("rank:2", r), some("dynamic:0.5", r);
  const auto rows = [](const RoutingPolicy& p, size_t n) {
    return std::vector<RouteInput>(n, RouteInput{&p, 0});
  };
  auto pieces = route_pieces(rows(two, 40), 0);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_TRUE(pieces[0].grid);
  auto mixed = rows(two, 1);
  mixed.push_back({&one, 0});
  pieces = route_pieces(mixed, 0);  // few rows: one flat piece, so that shared experts are read once
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_FALSE(pieces[0].grid);
  EXPECT_EQ(pieces[0].capacity, 3);
  mixed = rows(two, 40);
  for (const auto& input : rows(some, 3)) mixed.push_back(input);
  pieces = route_pieces(mixed, 0);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_TRUE(pieces[1].ragged);
  EXPECT_EQ(pieces[1].pair_begin, 80);
  EXPECT_EQ(pieces[1].capacity, 24);
}

TEST(KvCells, KeepsSequencesTogetherAndSharesCells) {
  KvCells cells(16);
  const SeqId a = cells.open(8), b = cells.open(8);
  for (int i = 0; i < 3; ++i) cells.append(a), cells.append(b);
  EXPECT_EQ(cells.cells(a), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(cells.cells(b), (std::vector<int>{8, 9, 10}));
  const SeqId c = cells.fork(a, 2);
  EXPECT_TRUE(cells.sees(1, c, 1));
  EXPECT_FALSE(cells.sees(1, c, 0));
  EXPECT_FALSE(cells.sees(8, c, 5));
  cells.close(a);
  EXPECT_EQ(cells.n_free(), 16 - 3 - 2) << "the fork still holds two of a's cells";
  while (cells.n_free()) cells.append(c);
  EXPECT_EQ(cells.length(c), 13);
  cells.close(b);
  cells.close(c);
  EXPECT_EQ(cells.n_free(), 16);
}

TEST(KvCells, RememberWhichRowsMeanNothingUntilTheyAreGivenBack) {
  KvCells cells(16);
  const SeqId a = cells.open();
  for (int i = 0; i < 5; ++i) cells.append(a);
  EXPECT_FALSE(cells.spoiled(a, 5));
  cells.spoil(cells.cells(a)[3], 2);
  cells.spoil(cells.cells(a)[3], 4);
  EXPECT_FALSE(cells.spoiled(a, 3)) << "rows before it do not look at it";
  ASSERT_TRUE(cells.spoiled(a, 4));
  EXPECT_EQ(cells.spoiled(a, 5)->position, 3);
  EXPECT_EQ(cells.spoiled(a, 5)->block, 2);
  const SeqId b = cells.fork(a, 4), c = cells.fork(a, 2);
  EXPECT_TRUE(cells.spoiled(b, 4));
  EXPECT_FALSE(cells.spoiled(c, 2));
  cells.trim(a, 3);
  cells.append(a);
  EXPECT_FALSE(cells.spoiled(a, 4));
  cells.close(b);
  const SeqId d = cells.open();
  for (int i = 0; i < 10; ++i) cells.append(d);
  EXPECT_FALSE(cells.spoiled(d, 10)) << "the cell is another row's now";
}

TEST(Engine, ARowWhoseNumbersAreNotFiniteGivesNothingAndTheOthersStay) {
  const TempDir dir;
  TinyModel whole(golden("mixtral.gguf"));
  const RoutingPolicy policy("topk", whole.router());
  const auto batch = [&](TinyModel& m, std::vector<int> spoiled, std::vector<int> fine) {
    Batch out;
    for (const auto& tokens : {spoiled, fine}) {
      RowGroup group{&policy, {}};
      const SeqId seq = m.engine.open();
      for (const int t : tokens) group.rows.push_back({seq, t, Output::logits});
      out.push_back(std::move(group));
    }
    return out;
  };
  const std::vector<int> with = {3, 57, 9}, without = {3, 4, 9};
  const StepResult right = whole.engine.run(batch(whole, with, without));
  // Token 57 is broken: its own router finds it, and the row behind it looks back on it.
  TinyModel token(spoiled_model(dir, "mixtral.gguf", "token_embd.weight", 57));
  const StepResult& r = token.engine.run(batch(token, with, without));
  EXPECT_EQ(max_difference(r.logits(0), right.logits(0)), 0);
  for (const size_t row : {1, 2}) {
    expect_refusal([&] { r.logits(row); }, ErrorKind::internal,
                   "block 0: the router's scores of the token at position 1 are not finite");
    expect_refusal([&] { r.hidden(row); }, ErrorKind::internal, "position 1");
  }
  for (size_t row = 3; row < 6; ++row) EXPECT_EQ(max_difference(r.logits(row), right.logits(row)), 0);
  // A router's row; an expert's; the head's.
  for (const auto& [tensor, row, message] :
       {std::tuple{"blk.1.ffn_gate_inp.weight", 3, "block 1: the router's scores of the token at position 0"},
        std::tuple{"blk.1.attn_v.weight", 3, "block 1: the router's scores of the token at position 0"},
        std::tuple{"output_norm.weight", 0, "the last block's output at position 0 is not finite"},
        std::tuple{"output.weight", 100, "the logit of token 100 after position 0 is"}}) {
    TinyModel m(spoiled_model(dir, "mixtral.gguf", tensor, static_cast<size_t>(row)));
    const StepResult& spoiled = m.engine.run(batch(m, with, without));
    expect_refusal([&] { spoiled.logits(0); }, ErrorKind::internal, message);
  }
  TinyModel head(spoiled_model(dir, "mixtral.gguf", "output.weight", 100));
  const std::vector<float> row(64, 0.5f);
  const std::vector<int> few = {3, 100};
  expect_refusal([&] { head_logits(head.engine, row); }, ErrorKind::internal, "the logit of token 100");
  expect_refusal([&] { head_logits(head.engine, row, few); }, ErrorKind::internal, "the logit of token 100");
}

}  // namespace rouse
