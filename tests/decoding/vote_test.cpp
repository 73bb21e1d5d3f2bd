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

TEST(Vote, NumbersAsAReaderSeesThem) {
  const std::pair<const char*, const char*> cases[] = {
      {"The answer is \u22125.", "-5"},         // a minus sign
      {"The answer is \u201312", "-12"},        // an en dash set as one
      {"The answer is \u2212\u20AC40", "-40"},  // euros
      {"The answer is $-40", "-40"},
      {"10\u22123 leaves 7, a range of 5\u20133", "3"},
      {"It is 1\u00A0234 in all", "1234"},         // a no-break space
      {"It is 12\u202F345\u202F678", "12345678"},  // a narrow one
      {"It is 1\u2009234,5", "5"},                 // a thin one; a comma that groups nothing
      {"1 234", "234"},                            // a blank parts two numbers
      {"1,2,3", "3"},
      {"1,234,567.50", "1234567.5"},
      {"12,34,567", "1234567"},
      {"1.234.567", "1234567"},
      {"1'234", "1234"},
      {"\\$1{,}234", "1234"},
      {"The answer is \\boxed{18}", "18"},
      {"**-18**", "-18"},
      {"The answer is \uFF11\uFF18\uFF0E\uFF15", "18.5"},  // full-width
      {"\u0661\u066B\u0665", "1.5"},                       // Arabic-Indic
      {"The answer is...18", "18"},
      {"about .5 of it", "0.5"},
      {"No.5", "5"},
      {"1.5e3", "1500"},
      {"3e", "3"},
      {"The answer is 1/2", "0.5"},
      {"The answer is 2 1/2 hours", "2.5"},
      {"The answer is 2\u00BD", "2.5"},
      {"\u00BE", "0.75"},
      {"on 24/12/2020", "2020"},
      {"12%", "12"},
      {"5\u00B2", "5"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(last_number(text).value_or("none"), expected) << text;
}

TEST(Vote, WhatTheModelAsksItselfNextIsNotRead) {
  EXPECT_EQ(last_number("5 + 13 = 18. The answer is 18.\nQuestion: Tom has 3.\nAnswer: The answer is 3."),
            "18");
  EXPECT_EQ(last_number("18\nQ: And 3?"), "18");
  EXPECT_EQ(last_number("\nQuestion: Tom has 3.\nAnswer: 4"), "4") << "the question again, then the answer";
  EXPECT_EQ(last_number("The answer is 18.\nThat is 3 more than 15."), "18") << "the line that states it";
  EXPECT_EQ(last_number("The answer is:\n18\n"), "18");
  EXPECT_EQ(last_number("I cannot say.\nQuestion: Tom has 3."), std::nullopt);
  EXPECT_EQ(last_yes_no("So the answer is no.\nQuestion: Is it?\nAnswer: So the answer is yes."), "no");
  EXPECT_EQ(last_yes_no("die Antwort ist nein, pi\u00F1no"), std::nullopt) << "letters beyond ASCII";
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
  expect_refusal([] { extractor("guess"); }, ErrorKind::usage, "known: number, yesno, line");
}

}  // namespace rouse
