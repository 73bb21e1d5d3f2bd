/// Verdicts: tests against scipy's, corrections, and words for what comes of them.
#include "advice/verdict.h"

#include "advice/task_trial.h"
#include "base/random.h"
#include "support.h"

namespace rouse {
namespace {

Measured row(const std::string& method, const std::string& on, double change, double p,
             bool low_is_good = true) {
  Measured out;
  out.method = method, out.on = on, out.change = change, out.p = p, out.low_is_good = low_is_good;
  return out;
}

std::vector<EvalJson> rows_of(const std::vector<double>& acc) {
  std::vector<EvalJson> out;
  for (size_t i = 0; i < acc.size(); ++i) out.push_back({{"id", cat("item", i)}, {"exact_match", acc[i]}});
  return out;
}

}  // namespace

TEST(Statistics, SignFlipsGiveTheRandomisationTestsP) {
  // scipy.stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf): exact, all
  // 2^n.
  EXPECT_NEAR(sign_flip_p(std::vector{0.3, -0.1, 0.4, 0.2, 0.6, 0.1, -0.2, 0.5}, 1), 0.0859375, 0.008);
  EXPECT_NEAR(sign_flip_p(std::vector{1.0, 2.0, 3.0, 4.0, 5.0}, 1), 0.0625, 0.008);
  EXPECT_NEAR(sign_flip_p(std::vector{1.0, -1.0, 2.0, -2.0}, 1), 1, 1e-9);
  EXPECT_EQ(sign_flip_p(std::vector<double>{}, 1), 1);
  EXPECT_EQ(sign_flip_p(std::vector(40, 0.01), 1), 1e-4) << "no other sum is as far from 0";
}

TEST(Verdicts, ChangesByDocumentAreWeighedByTheirTokens) {
  const Measured m = measured_on_documents({20, 30, 0}, {-2, 1, 0}, {10, 5, 0}, 1);
  EXPECT_EQ(m.n, 15);
  EXPECT_EQ(m.n_group, 2) << "a document without such tokens says nothing";
  EXPECT_NEAR(m.before, 50.0 / 15, 1e-12);
  EXPECT_NEAR(m.change, -1.0 / 15, 1e-12);
  EXPECT_EQ(measured_on_documents({0}, {0}, {0}, 1).p, 1);
}

TEST(Verdicts, AreCorrectedOverAllThatWasTested) {
  std::vector<Measured> rows{row("a", "text", -0.1, 0.012), row("a", "t", 3, 0.2, false),
                             row("b", "text", 0.1, 0.03), row("b", "t", -3, 0.5, false)};
  judge(rows);
  EXPECT_NEAR(rows[0].p_corrected, 0.048, 1e-12);
  EXPECT_EQ(rows[0].verdict, Verdict::helps) << "less NLL is better";
  EXPECT_NEAR(rows[2].p_corrected, 0.09, 1e-12);
  EXPECT_EQ(rows[2].verdict, Verdict::no_evidence) << "0.03 alone would have been evidence";
}

TEST(Verdicts, OfAMethodSayWhereItHelpsAndWhereItHurts) {
  std::vector<Measured> rows{row("plan", "text", -0.1, 0), row("plan", "gsm8k", -5, 0, false),
                             row("topk:3", "text", 0.2, 0), row("scmoe", "gsm8k", 4, 0, false),
                             row("scmoe", "text", 0, 1, false)};
  judge(rows);
  const auto v = method_verdicts(rows);
  ASSERT_EQ(v.size(), 3u);
  EXPECT_EQ(v[0].text, "helps on text, hurts on gsm8k");
  EXPECT_EQ(v[0].verdict, Verdict::no_evidence);
  EXPECT_EQ(v[1].text, "hurts on text");
  EXPECT_EQ(v[1].verdict, Verdict::hurts);
  EXPECT_EQ(v[2].text, "helps on gsm8k");
  EXPECT_EQ(v[2].verdict, Verdict::helps);
}

TEST(Verdicts, OfRightAndWrongAnswersTakeMcNemarsExactTest) {
  const Measured m = measured_on_items(task_entry("lab_arithmetic"), rows_of({1, 0, 0, 0, 0, 0, 1, 1}),
                                       rows_of({0, 1, 1, 1, 1, 1, 1, 1}), 1);
  EXPECT_EQ(m.n, 8);
  EXPECT_EQ(m.unit, "%");
  EXPECT_NEAR(m.before, 37.5, 1e-9);
  EXPECT_NEAR(m.change, 50, 1e-9);
  EXPECT_NEAR(m.p, 0.21875, 1e-9) << "1 lost, 5 won: 2 * 7 / 64";
}

}  // namespace rouse
