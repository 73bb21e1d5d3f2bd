#include "decoding/vote.h"

#include "support.h"

namespace rouse {

TEST(Vote, NumbersInRealLookingAnswers) {
  const std::pair<const char*, const char*> cases[] = {
      {" 5 + 3 = 8. The answer is 8.", "8"},
      {"The answer is $1,234.50.", "1234.5"},
      {"The answer is 12%.", "12"},
      {"The answer is -7", "-7"},
      {"The answer is -$40.", "-40"},
      {"He has 10-3=7 left", "7"},
      {"So 20 - 13 leaves 7", "7"},
      {"A range of 5-3", "3"},
      {"The answer is 3. Wait. The answer is 4 apples and 2 pears", "2"},
      {"The answer is unknown, maybe 6", "6"},
      {"First 17, the answer is what it is", "17"},
      {"3,000,000 people", "3000000"},
      {"1, 2, 3", "3"},
      {"007", "7"},
      {"0.50 dollars", "0.5"},
      {"-0", "0"},
      {"in 2.5 hours.", "2.5"},
      {"9/3", "3"},
      {"covid-19 cases", "19"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(last_number(text).value_or("none"), expected) << text;
  EXPECT_FALSE(last_number("no digits at all"));
  EXPECT_FALSE(last_number(""));
}

TEST(Vote, YesOrNo) {
  EXPECT_EQ(last_yes_no("Yes, it could. So the answer is no."), "no");
  EXPECT_EQ(last_yes_no("So the answer is Yes"), "yes");
  EXPECT_EQ(last_yes_no("The answer is unclear. No. Yes!"), "yes");
  EXPECT_EQ(last_yes_no("NO"), "no");
  EXPECT_FALSE(last_yes_no("nothing known, yesterday")) << "only whole words";
  EXPECT_EQ(first_line("\n  Paris \nLyon"), "Paris");
  EXPECT_FALSE(first_line(" \n"));
}

TEST(Vote, MajorityBreaksTiesByWhoCameFirst) {
  using Answers = std::vector<std::optional<std::string>>;
  EXPECT_EQ(majority(Answers{"3", "4", "4", std::nullopt}), "4");
  EXPECT_EQ(majority(Answers{"3", "4", "4", "3"}), "3");
  EXPECT_EQ(majority(Answers{std::nullopt, std::nullopt}), std::nullopt);
  EXPECT_EQ(majority(Answers{}), std::nullopt);
  expect_refusal([] { extractor("guess"); }, Exit::usage, "known: number, yesno, line");
}

}  // namespace rouse
