#include <cmath>

#include "base/random.h"
#include "base/statistics.h"
#include "base/text.h"
#include "support.h"

namespace rouse {

TEST(Text, ParsesWholeNumbersOnly) {
  EXPECT_EQ(parse_int("42"), 42);
  EXPECT_EQ(parse_int("-3"), -3);
  for (const char* bad : {"", " 1", "1 ", "1.5", "x", "99999999999999999999"})
    EXPECT_FALSE(parse_int(bad)) << bad;
  EXPECT_EQ(parse_double("0.6"), 0.6);
  for (const char* bad : {"", "0.6x", "nan", "inf", "1,5"}) EXPECT_FALSE(parse_double(bad)) << bad;
  EXPECT_EQ(number_text(0.6), "0.6");
}

TEST(Text, ReadsWhatAnEditorShows) {
  EXPECT_EQ(plain_text("\xEF\xBB\xBF"
                       "a\r\nb\r\n"),
            "a\nb\n");
  EXPECT_EQ(plain_text("a\rb\n\rc\r"), "a\rb\n\rc\r") << "a carriage return alone is text";
  EXPECT_EQ(plain_text("a\r\r\nb"), "a\r\nb");
  EXPECT_EQ(plain_text("a\xEF\xBB\xBF"), "a\xEF\xBB\xBF") << "a mark is one only where a text begins";
  EXPECT_EQ(plain_text(""), "");
}

TEST(Text, HoldsBackAnUnfinishedCharacter) {
  EXPECT_EQ(complete_utf8_prefix("caf\xc3\xa9"), 5u);
  EXPECT_EQ(complete_utf8_prefix("caf\xc3"), 3u);
  EXPECT_EQ(complete_utf8_prefix("\xf0\x9f\x98"), 0u);
  EXPECT_EQ(complete_utf8_prefix("abc"), 3u);
}

TEST(Text, ShowsATerminalNothingThatSteersIt) {
  EXPECT_EQ(printable("caf\u00e9 \u6f22 \U0001F600 a\\b"), "caf\u00e9 \u6f22 \U0001F600 a\\b");
  EXPECT_EQ(printable("\x1b]0;title\x07\x1b[2J"), "\\x1b]0;title\\x07\\x1b[2J");
  EXPECT_EQ(printable("a\r\nb\tc\x7f"), "a\\x0d\\nb\\tc\\x7f");
  EXPECT_EQ(printable("one\ntwo\x1b", true), "one\ntwo\\x1b");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m \u202eevil \u2066x"),
            "\\u009b31m \\u202eevil \\u2066x");
  // Bytes that are no UTF-8: alone, overlong, a surrogate, past the last code point, cut off.
  EXPECT_EQ(printable("\x9b \xc0\x9b \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x80"),
            "\\x9b \\xc0\\x9b \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xe2\\x80");
}

TEST(Random, IsTheSameForTheSameKeyAndUniform) {
  EXPECT_EQ(Random(1, 2, 3).next(), Random(1, 2, 3).next());
  EXPECT_NE(Random(1, 2, 3).next(), Random(1, 3, 2).next());
  Random random(9);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  for (const int n : counts) EXPECT_NEAR(n, 10000, 400);
}

TEST(Statistics, LogSoftmaxKeepsMinusInfinityAndSumsToOne) {
  std::vector<float> v = {1, 2, -INFINITY, 3};
  log_softmax(v);
  EXPECT_EQ(v[2], -INFINITY);
  EXPECT_NEAR(std::exp(v[0]) + std::exp(v[1]) + std::exp(v[3]), 1, 1e-6);
  EXPECT_EQ(argmax(std::vector<float>{1, 3, 3}), 1u);
}

TEST(Statistics, NllIsWithinAMillionthOfItself) {
  Random random(3);
  for (const size_t n : {2, 15, 16, 17, 300, 49152, 151937})
    for (const double scale : {0.0, 1.0, 5.0, 20.0, 40.0, 80.0}) {
      std::vector<float> logits(n);
      for (float& z : logits) z = static_cast<float>(scale * random.uniform());
      for (size_t i = 2; i < n; i += 7) logits[i] = -INFINITY;
      logits[n / 2] = static_cast<float>(1.1 * scale);  // a sure model's choice
      for (const size_t token : {n / 2, size_t{0}}) {
        long double others = 0;
        for (size_t i = 0; i < n; ++i)
          if (i != token) others += std::exp(static_cast<long double>(logits[i]) - logits[token]);
        const auto expected = static_cast<double>(std::log1p(others));
        EXPECT_NEAR(nll(logits, static_cast<int>(token)), expected, 1e-6 * expected)
            << n << " of scale " << scale;
      }
    }
  EXPECT_TRUE(std::isnan(nll(std::vector<float>{NAN, NAN}, 0)));
}

TEST(Statistics, LogOddsKeepTheirDigitsWhereTheModelIsSure) {
  EXPECT_NEAR(log_odds(std::vector<float>{2, 2}, 0), 0, 1e-12);
  EXPECT_NEAR(log_odds(std::vector<float>{0, 0, 3, 0}, 2), 3 - std::log(3.0), 1e-6);
  Random random(4);
  for (const size_t n : {2, 16, 17, 300, 49152})
    for (const float top : {0.0f, 20.0f, 200.0f}) {  // at 200 the NLL is 0 in double
      std::vector<float> logits(n);
      for (float& z : logits) z = static_cast<float>(random.normal());
      logits[n / 3] = top;
      for (const size_t token : {n / 3, size_t{0}, n - 1}) {
        long double others = 0;
        for (size_t i = 0; i < n; ++i)
          if (i != token) others += std::exp(static_cast<long double>(logits[i]));
        const auto expected = static_cast<double>(logits[token] - std::log(others));
        EXPECT_NEAR(log_odds(logits, static_cast<int>(token)), expected, 2e-6 * (1 + std::abs(expected)));
      }
    }
}

TEST(Statistics, StudentsTAndHolmAreThoseOfTheTables) {
  EXPECT_NEAR(student_tail(0, 5), 0.5, 1e-12);
  EXPECT_NEAR(student_tail(1, 1), 0.25, 1e-12) << "Cauchy";
  EXPECT_NEAR(student_tail(-1, 1), 0.75, 1e-12);
  EXPECT_NEAR(student_tail(2.7764451, 4), 0.025, 1e-7);
  EXPECT_NEAR(student_tail(63.6567412, 1), 0.005, 1e-7);
  EXPECT_NEAR(student_tail(1.9599640, 1e7), 0.025, 1e-6) << "normal";
  EXPECT_NEAR(student_quantile(0.025, 3), 3.1824463, 1e-6);
  EXPECT_NEAR(student_quantile(0.975, 3), -3.1824463, 1e-6);
  EXPECT_NEAR(student_quantile(0.0005, 10), 4.5868939, 1e-6);
  const auto p = holm({0.01, 0.04, 0.03});
  EXPECT_NEAR(p[0], 0.03, 1e-12);
  EXPECT_NEAR(p[1], 0.06, 1e-12);
  EXPECT_NEAR(p[2], 0.06, 1e-12);
  EXPECT_NEAR(deviation(std::vector<double>{1, 2, 3, 4}), std::sqrt(5.0 / 3), 1e-12);
  EXPECT_TRUE(std::isnan(deviation(std::vector<double>{1})));
}

TEST(Statistics, RatioIntervalHoldsTheMedian) {
  const std::vector<double> a = {2, 4, 6, 8.4}, b = {1, 2, 3, 4};
  const Spread s = ratio_interval(a, b);
  EXPECT_DOUBLE_EQ(s.median, 2);
  EXPECT_LE(s.low, 2);
  EXPECT_GE(s.high, 2);
}

TEST(Statistics, RankCorrelationSharesTies) {
  const std::vector<double> a = {1, 2, 2, 4}, b = {10, 20, 20, 40}, reversed = {4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(rank_correlation(a, b), 1);
  // ranks 0 1.5 1.5 3 against 3 2 1 0: sum of products -4.5, norms sqrt(4.5) and sqrt(5)
  EXPECT_NEAR(rank_correlation(a, reversed), -4.5 / std::sqrt(4.5 * 5), 1e-12);
  EXPECT_TRUE(std::isnan(rank_correlation(std::vector<double>{1, 1, 1}, std::vector<double>{1, 2, 3})));
}

TEST(Statistics, BootstrapIntervalCoversTheMeanAndSkipsUndefinedDraws) {
  std::vector<double> values(400), squares;
  Random random(3);
  for (double& x : values) x = random.normal();
  for (const double x : values) squares.push_back((x - mean(values)) * (x - mean(values)));
  const double error = std::sqrt(mean(squares) / 400);
  const Interval i = bootstrap_interval(1, 0, 1000, [&](Random& r) { return mean(resample(values, r)); });
  EXPECT_NEAR((i.high - i.low) / (2 * 1.96 * error), 1, 0.1);
  EXPECT_LT(i.low, mean(values));
  EXPECT_GT(i.high, mean(values));
  EXPECT_TRUE(std::isnan(bootstrap_interval(1, 0, 10, [](Random&) { return NAN; }).low));
}

/// Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
TEST(Statistics, WilsonsIntervalsAreThePublishedOnes) {
  struct Row {
    double success, n, low, high;
  };
  for (const Row& r : {Row{81, 263, 0.2553, 0.3662}, Row{15, 148, 0.0624, 0.1605}, Row{0, 20, 0, 0.1611},
                       Row{1, 29, 0.0061, 0.1718}}) {
    const Interval i = wilson_interval(r.success, r.n);
    EXPECT_NEAR(i.low, r.low, 5e-5) << r.success;
    EXPECT_NEAR(i.high, r.high, 5e-5) << r.success;
  }
  EXPECT_NEAR(wilson_interval(60, 60).low, 60 / (60 + 1.959963984540054 * 1.959963984540054), 1e-12);
  EXPECT_DOUBLE_EQ(wilson_interval(60, 60).high, 1);
}

}  // namespace rouse
