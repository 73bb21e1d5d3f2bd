/// Evidence for moving experts: by pencil, on noise, and on models whose truth is known because their text
/// was drawn from them.
#include "calibration/certify.h"

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "base/statistics.h"
#include "calibration/moves.h"
#include "own_text.h"

namespace rouse {
namespace {

struct Certified {
  Evidence evidence;
  std::vector<int> budget;
};
Certified certify(TinyModel& m, const std::vector<Document>& documents, const std::vector<int>& base) {
  const TempDir dir;
  Probe probe(m.engine, {.budget = base});
  std::vector<std::vector<double>> losses;
  for (const Document& d : documents) losses.push_back(probe.losses(d, d.scored));
  const Strata strata = strata_of(documents, losses, {.nu = 0.01});
  Units units(WorkState(dir / "s", {{"format", "rouse-calibration"}}), {}, nullptr);
  Moves moves({m.engine, probe, units, documents, losses, strata, m.router().layers, base, 1});
  Certified out;
  out.evidence = *moves.run();
  out.budget = moves.budget();
  return out;
}

/// Effects that are noise of each document's own, the same in size for all layers.
Effects noise(size_t n_document, size_t n_layer, Random& random) {
  Effects e;
  for (size_t l = 0; l < n_layer; ++l) e.layers.push_back(static_cast<int>(l));
  e.n_token.assign(n_document, 20);
  for (auto* side : {&e.less, &e.more}) {
    side->assign(n_layer, std::vector<DocumentEffect>(n_document));
    for (auto& layer : *side)
      for (DocumentEffect& d : layer) d = {random.normal(), random.normal(), 4};
  }
  return e;
}

}  // namespace

TEST(Evidence, WeighsWhatOneLayerGainsAgainstWhatAnotherPays) {
  // Hard tokens: 2 a document. One less in block 0 costs 0.1 a token, one more in block 3 gains 0.6, 0.4,
  // ...; block 0 cannot have more, block 3 cannot have less.
  Effects e{{0, 3}, {10, 10, 10, 10}, {{}, {}}, {{}, {}}};
  e.less[0].assign(4, {1, 0.2, 2});
  for (const double gain : {0.6, 0.4, 0.6, 0.4}) e.more[1].push_back({-5 * gain, -2 * gain, 2});
  const Evidence out = weigh(e, 1);
  EXPECT_EQ(out.n_document, 4);
  EXPECT_NEAR(out.less[0].all.mean, 0.1, 1e-12);
  EXPECT_NEAR(out.less[0].hard.mean, 0.1, 1e-12);
  EXPECT_NEAR(out.more[1].hard.mean, -0.5, 1e-12);
  EXPECT_TRUE(std::isnan(out.less[1].all.mean) && std::isnan(out.more[0].hard.mean));
  ASSERT_EQ(out.n_move, 1);
  const Evidence::Move& m = out.moves[0];
  EXPECT_EQ(m.from, 0);
  EXPECT_EQ(m.to, 3);
  EXPECT_NEAR(m.net, 0.4, 1e-12);
  EXPECT_NEAR(m.error, 0.05, 0.005) << "of a mean of four that are 0.1 from their own";
  EXPECT_NEAR(m.lower, 0.4 - 3.182 * m.error, 1e-3) << "t of 3 degrees of freedom";
  EXPECT_TRUE(m.supported);
}

TEST(Evidence, OfNoiseIsRare) {
  int alarms = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const Evidence e = weigh(noise(8, 4, random), seed);
    EXPECT_EQ(e.n_move, 12);
    alarms += !e.moves.empty() && e.moves[0].supported;
    for (const Evidence::Move& m : e.moves) EXPECT_EQ(m.supported, m.p <= kEvidenceLevel);
  }
  EXPECT_LE(alarms, 12) << "5 of 200 are expected";
}

TEST(Evidence, MovesThatNeedTheSameLayerTwiceAreNotMadeTogether) {
  const auto move = [](int from, int to, double net, bool supported = true) {
    return Evidence::Move{from, to, net, 0, net, 0, supported};
  };
  const auto chosen =
      compatible({move(0, 1, 1), move(0, 2, 3), move(3, 1, 2), move(4, 5, 9, false), move(3, 2, 8)});
  ASSERT_EQ(chosen.size(), 2u);
  EXPECT_EQ(chosen[0].from, 3);
  EXPECT_EQ(chosen[0].to, 2);
  EXPECT_EQ(chosen[1].from, 0);
  EXPECT_EQ(chosen[1].to, 1);
}

TEST(Evidence, HalfOfTheDocumentsAreHeldOut) {
  EXPECT_EQ(held_out_documents(9, 1).size(), 4u);
  EXPECT_EQ(held_out_documents(9, 1), held_out_documents(9, 1));
  EXPECT_NE(held_out_documents(99, 1), held_out_documents(99, 2));
}

/// The text was written with two experts in block 1 and one elsewhere; the model at hand has them the wrong
/// way round, in block 0.
TEST(Moves, FindTheLayerWhoseSecondExpertIsNeeded) {
  const TempDir dir;
  TinyModel m(sharp_model(dir));
  const Certified found = certify(m, own_texts(m, {1, 2, 1}, 24, 3), {2, 1, 1});
  EXPECT_EQ(found.budget, (std::vector<int>{1, 2, 1})) << found.evidence.verdict;
  ASSERT_EQ(found.evidence.trials.size(), 1u);
  EXPECT_LT(found.evidence.trials[0].change.high, 0);
  EXPECT_NE(found.evidence.verdict.find("1 move is supported: block 0 2 -> 1, block 1 1 -> 2."),
            std::string::npos)
      << found.evidence.verdict;
  EXPECT_EQ(found.evidence.n_move, 2) << "only block 0 has one to give";
}

TEST(Moves, StayWhereTheBudgetsAreThoseOfTheText) {
  const TempDir dir;
  TinyModel m(sharp_model(dir));
  const Certified found = certify(m, own_texts(m, {2, 2, 2}, 24, 4), {2, 2, 2});
  EXPECT_EQ(found.budget, (std::vector<int>{2, 2, 2})) << found.evidence.verdict;
  for (size_t l = 0; l < 3; ++l) EXPECT_GT(found.evidence.less[l].all.low, 0) << "each expert is needed";
  EXPECT_NE(found.evidence.verdict.find("No move is supported"), std::string::npos);
}

TEST(Moves, AreNotFoundWhereTheLabelsAreShuffled) {
  const TempDir dir;
  TinyModel m(sharp_model(dir));
  int moved = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    auto documents = own_texts(m, {1, 2, 1}, 24, 3);
    Random random(seed);
    for (Document& d : documents) {
      std::vector<int> rest(d.tokens.begin() + 1, d.tokens.end());
      shuffle(rest, random);
      std::copy(rest.begin(), rest.end(), d.tokens.begin() + 1);
    }
    const Certified found = certify(m, documents, {2, 1, 1});
    moved += found.budget != std::vector<int>{2, 1, 1};
  }
  RecordProperty("moved", moved);
  EXPECT_LE(moved, 1);
}

}  // namespace rouse
