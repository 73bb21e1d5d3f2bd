/// R of a layer, its error and what shrinking makes of it, against pencil; strata.
#include "calibration/intensity.h"

#include <cmath>

#include "base/random.h"
#include "calibration/strata.h"
#include "routing/plan.h"
#include "support.h"

namespace rouse {

TEST(LayerIntensity, IsARatioOfMeansOverTokensNotOverDocuments) {
  const std::vector<DocumentChanges> documents = {{{1, 2}, {0.5}}, {{}, {}}, {{6}, {0.25, 0.75}}};
  const LayerIntensity r = intensity_of(documents, 1, 0);
  EXPECT_DOUBLE_EQ(r.hard, 3);
  EXPECT_DOUBLE_EQ(r.easy, 0.5);
  EXPECT_NEAR(r.ratio, 6, 1e-6);
  // A resample has the first document alone, both, or the second alone: R is 3, 6 or 12.
  EXPECT_NEAR(r.low, 3, 1e-6);
  EXPECT_NEAR(r.high, 12, 1e-6);
  EXPECT_NEAR(r.error, std::log(2) * std::sqrt(0.5), 0.03);
  EXPECT_TRUE(std::isnan(intensity_of(std::span(documents).first(1), 1, 0).error)) << "one document";
}

TEST(LayerIntensity, ErrorIsTheSpreadOfFreshTexts) {
  Random random(5);
  const auto text = [&] {
    std::vector<DocumentChanges> out(60);
    for (DocumentChanges& d : out) {
      const double level = std::exp(0.5 * random.normal());  // tokens of a document go together
      for (int i = 0; i < 5; ++i) d.hard.push_back(level * random.uniform());
      for (int i = 0; i < 5; ++i) d.easy.push_back(random.uniform());
    }
    return out;
  };
  double sum = 0, squares = 0;
  for (int i = 0; i < 300; ++i) {
    const double r = std::log(intensity_of(text(), 1, 0).ratio);
    sum += r / 300, squares += r * r / 300;
  }
  const double truth = std::sqrt(squares - sum * sum);
  EXPECT_NEAR(intensity_of(text(), 1, 0).error / truth, 1, 0.3);
}

TEST(Shrinking, DrawsTowardsTheMeanAsFarAsChanceSpreads) {
  const std::vector<double> r = {1, std::exp(1), std::exp(2)};  // logs 0, 1, 2: mean 1, variance 1
  EXPECT_EQ(shrunk_intensity(r, {0, 0, 0}).size(), 3u);
  for (size_t l = 0; l < 3; ++l) EXPECT_NEAR(shrunk_intensity(r, {0, 0, 0})[l], r[l], 1e-12) << "plain";
  for (const double s : {1.0, 50.0, static_cast<double>(INFINITY)}) {
    const auto uniform = shrunk_intensity(r, {s, s, s});
    EXPECT_NEAR(uniform[0], std::exp(1), 1e-12) << s;
    EXPECT_EQ(plan_budget(uniform, 6, 8), (std::vector<int>{2, 2, 2})) << s;
  }
  // Mean of the squared errors 0.5: t = 0.5. The sure layer stays, the others go half-way and to 0.4.
  const auto some = shrunk_intensity(r, {std::sqrt(0.5), 0, 1});
  EXPECT_NEAR(std::log(some[0]), 1 - 0.5 / (0.5 + 0.5), 1e-12);
  EXPECT_NEAR(std::log(some[1]), 1, 1e-12);
  EXPECT_NEAR(std::log(some[2]), 1 + 0.5 / (0.5 + 1), 1e-12);
  const auto unknown = shrunk_intensity({0, NAN, 2, 8}, {0.1, 0.1, 0, 0});
  EXPECT_EQ(unknown[0], 0);
  EXPECT_TRUE(std::isnan(unknown[1]));
  EXPECT_NEAR(unknown[3], 8, 1e-12);
}

TEST(Strata, LeaveOutWhatTheModelIsSureOf) {
  const std::vector<Document> documents = {{{0, 1, 2, 3}, {1, 2, 3}}, {{0, 1, 2, 3, 4}, {1, 3, 4}}};
  const std::vector<std::vector<double>> losses = {{0.001, 1, 2}, {3, 0.002, 4}};
  // Of 1, 2, 3, 4 the 20th percentile is 1.6, the 80th 3.4.
  const Strata some = strata_of(documents, losses, {.nu = 0.01});
  EXPECT_EQ(some.n_scored, 6);
  EXPECT_EQ(some.hard, (std::vector<std::vector<int>>{{}, {4}}));
  EXPECT_EQ(some.either, (std::vector<std::vector<int>>{{2}, {4}}));
  EXPECT_TRUE(some.is_hard(1, 4));
  EXPECT_FALSE(some.is_hard(0, 2));
  // Of all six the 20th percentile is 0.002, which is not below itself; the 80th is 3.
  const Strata all = strata_of(documents, losses, {});
  EXPECT_EQ(all.either, (std::vector<std::vector<int>>{{1}, {4}}));
  EXPECT_EQ(strata_of(documents, losses, {.nu = 9}).n_hard, 0);
}

}  // namespace rouse
