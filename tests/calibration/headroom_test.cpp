/// How much another route could help: figures of planted swaps, and swaps that equal full passes.
#include "calibration/headroom.h"

#include "base/random.h"
#include "support.h"

namespace rouse {
namespace {

struct Planted {
  std::vector<int> layers{0, 2};
  std::vector<LayerSwaps> swaps;
  std::vector<double> losses;
  std::vector<int> document;
};

/// 240 hard tokens of 40 documents, two layers, seven unchosen experts each; gains are noise about -0.05, but
/// for expert 5 of block 2, which gains `gain` wherever the gates are within 0.1.
Planted planted(double gain, uint64_t seed) {
  Planted p;
  Random random(seed);
  p.swaps.resize(2);
  for (int t = 0; t < 240; ++t) {
    p.document.push_back(t / 6);
    p.losses.push_back(2);
    for (size_t l = 0; l < 2; ++l) {
      std::vector<Swap>& swaps = p.swaps[l].emplace_back();
      for (int e = 0; e < 7; ++e) {
        const double gap = random.uniform() * 0.3;
        const bool helps = l == 1 && e == 5 && gap < 0.1;
        swaps.push_back({e, (helps ? gain : -0.05) + 0.2 * random.normal(), gap});
      }
    }
  }
  return p;
}

Headroom weigh(const Planted& p, uint64_t seed = 1) {
  return weigh_headroom(p.layers, p.swaps, p.losses, p.document, seed);
}

}  // namespace

TEST(Headroom, FiguresOfAFewSwapsByHand) {
  // Two tokens, one layer, two unchosen experts: gains 0.3 and -0.1; -0.2 and -0.4.
  const std::vector<LayerSwaps> swaps{{{{1, 0.3, 0.1}, {2, -0.1, 0.2}}, {{1, -0.2, 0.1}, {2, -0.4, 0.3}}}};
  const Headroom h = weigh_headroom({3}, swaps, {1, 2}, {0, 1}, 1);
  EXPECT_EQ(h.n_hard, 2);
  EXPECT_EQ(h.n_swap, 4);
  EXPECT_NEAR(h.loss.mean, 1.5, 1e-12);
  EXPECT_NEAR(h.oracle.mean, 0.15, 1e-12) << "a token that no swap helps keeps its route";
  EXPECT_NEAR(h.random.mean, -0.1, 1e-12);
  EXPECT_NEAR(h.helped, 0.5, 1e-12);
  ASSERT_EQ(h.layers.size(), 1u);
  EXPECT_EQ(h.layers[0].layer, 3);
  EXPECT_NEAR(h.layers[0].best_share, 1, 1e-12);
  EXPECT_EQ(h.biases[0].layer, -1) << "too few tokens to learn from";
  EXPECT_EQ(h.fixed.mean, 0);
}

TEST(Headroom, AStaticBiasThatIsThereIsFoundOnOtherDocuments) {
  const Headroom h = weigh(planted(0.5, 3));
  for (const StaticBias& b : h.biases) {
    EXPECT_EQ(b.layer, 2);
    EXPECT_EQ(b.expert, 5);
    EXPECT_NEAR(b.bias, 0.1, 0.02);
  }
  EXPECT_NEAR(h.fixed.mean, 0.5 / 3, 0.06) << "a third of the tokens have the gates that near";
  EXPECT_GT(h.fixed.low, 0);
  EXPECT_LT(h.shuffled.low, 0);
  EXPECT_NE(h.verdict.find("a plan can help"), std::string::npos) << h.verdict;
}

/// Of a hundred texts of noise, a 95% interval may miss 0 on its upper side a few times.
TEST(Headroom, NoiseIsNotTakenForABias) {
  int n_found = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const Headroom h = weigh(planted(-0.05, seed), seed);
    n_found += h.fixed.low > 0;
    EXPECT_GT(h.oracle.mean, 0.2) << "the best of fourteen always looks good";
  }
  EXPECT_LE(n_found, 6);
}

class HeadroomModel : public testing::TestWithParam<const char*> {};

/// Counterfactual rows from kept passes, and whole texts run again for each swap.
TEST_P(HeadroomModel, EqualsFullPasses) {
  const TempDir dir;
  std::vector<Document> documents(4);
  for (size_t d = 0; d < documents.size(); ++d) {
    documents[d].tokens = {1};
    for (int i = 1; i < 14; ++i) {
      documents[d].tokens.push_back(static_cast<int>((static_cast<size_t>(i) * 37 + d * 11) % 200));
      documents[d].scored.push_back(i);
    }
  }
  HeadroomOptions o;
  o.strata.hard = 45;
  const auto run = [&](bool naive) {
    TinyModel m(golden(std::string(GetParam()) + ".gguf"), 256);
    HeadroomOptions of = o;
    of.naive = naive;
    return *measure_headroom(m.engine, documents, of, {}, dir / (naive ? "naive" : "cheap"), {}, nullptr);
  };
  const Headroom cheap = run(false), naive = run(true);
  EXPECT_EQ(cheap.n_hard, naive.n_hard);
  EXPECT_EQ(cheap.n_swap, naive.n_swap);
  EXPECT_GT(cheap.oracle.mean, 0);
  for (const auto& [a, b] : {std::pair{cheap.loss, naive.loss},
                             {cheap.oracle, naive.oracle},
                             {cheap.random, naive.random},
                             {cheap.fixed, naive.fixed}}) {
    EXPECT_NEAR(a.mean, b.mean, 1e-4);
    EXPECT_NEAR(a.low, b.low, 1e-4);
  }
}
INSTANTIATE_TEST_SUITE_P(Models, HeadroomModel,
                         testing::Values("mixtral", "deepseek", "qwen3moe", "deepseek3"));

class HeadroomGolden : public testing::TestWithParam<const char*> {};

/// A full pass in float64 for every swap, by a program that shares nothing with rouse.
TEST_P(HeadroomGolden, EqualsTheNaiveFloat64Reference) {
  const auto all = golden_json("calibration.json")[GetParam()];
  const auto& g = all["headroom"];
  const TempDir dir;
  TinyModel m(golden(std::string(GetParam()) + ".gguf"), 512);
  std::vector<Document> documents;
  for (const auto& tokens : all["log_odds"]["documents"]) documents.push_back({tokens, {}});
  choose_scored(documents, 0, 1);
  HeadroomOptions o;
  o.strata.nu = 0;
  const Headroom h = *measure_headroom(m.engine, documents, o, {}, dir / "state", {}, nullptr);
  EXPECT_EQ(h.n_hard, static_cast<int>(g["tokens"].size()));
  EXPECT_NEAR(h.oracle.mean, g["oracle"].get<double>(), 1e-3);
  EXPECT_NEAR(h.random.mean, g["random"].get<double>(), 1e-3);
  EXPECT_GT(h.oracle.mean, 0.01) << "swaps that change nothing prove nothing";
  for (size_t l = 0; l < h.layers.size(); ++l) {
    EXPECT_EQ(h.layers[l].layer, g["layers"][l]);
    double oracle = 0;
    for (const auto& token : g["gains"]) {
      double best = 0;
      for (const auto& gain : token[l]) best = std::max(best, gain.get<double>());
      oracle += best / static_cast<double>(g["gains"].size());
    }
    EXPECT_NEAR(h.layers[l].oracle, oracle, 1e-3) << "layer " << l;
  }
}
INSTANTIATE_TEST_SUITE_P(Models, HeadroomGolden, testing::Values("mixtral", "deepseek", "qwen3moe"));

TEST(Headroom, GoesOnWhereItWasStoppedAndRefusesTooSmallTexts) {
  const TempDir dir;
  TinyModel m(golden("mixtral.gguf"), 256);
  std::vector<Document> documents(6);
  for (size_t d = 0; d < documents.size(); ++d) {
    documents[d].tokens = {1};
    for (int i = 1; i < 12; ++i) {
      documents[d].tokens.push_back(static_cast<int>((static_cast<size_t>(i) * 41 + d * 13) % 200));
      documents[d].scored.push_back(i);
    }
  }
  HeadroomOptions o;
  o.strata.hard = 50;
  const auto whole = measure_headroom(m.engine, documents, o, {}, dir / "whole", {}, nullptr);
  std::atomic<bool> stop = false;
  int n_stop = 0;
  std::optional<Headroom> resumed;
  while (!resumed) {
    int n = 0;
    stop = false;
    resumed = measure_headroom(
        m.engine, documents, o, {}, dir / "parts", [&](double) { stop = ++n > 5 * (n_stop + 1); }, &stop);
    ++n_stop;
  }
  EXPECT_GT(n_stop, 2);
  EXPECT_EQ(headroom_json(*resumed), headroom_json(*whole));
  const auto refused = [&](auto change, const char* part) {
    std::vector<Document> other = documents;
    change(other);
    expect_refusal([&] { measure_headroom(m.engine, other, o, {}, dir / "refused", {}, nullptr); },
                   ErrorKind::usage, part);
    EXPECT_FALSE(std::filesystem::exists(dir / "refused"));
  };
  refused([](auto& d) { d.resize(1); }, "the text gives 1 document, headroom needs 4");
  refused(
      [](auto& d) {
        for (Document& one : d) one.scored.resize(3);
      },
      "needed are 20");
}

}  // namespace rouse
