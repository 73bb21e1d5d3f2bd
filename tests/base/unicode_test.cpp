#include "base/unicode.h"

#include "support.h"

namespace rouse {

TEST(Unicode, LowerCaseKnowsFinalSigmaAndTheDottedI) {
  const auto lower = [](const char* text) { return utf8(lower_case(code_points(text))); };
  EXPECT_EQ(lower("BEYONCÉ"), "beyoncé");
  EXPECT_EQ(lower("ΟΔΥΣΣΕΥΣ"), "οδυσσευς");
  EXPECT_EQ(lower("İ"), "i\u0307");
  EXPECT_EQ(lower("I"), "i") << "the root locale, whatever the user's";
}

TEST(Unicode, WhatIsNoUtf8BecomesAReplacementCharacter) {
  EXPECT_EQ(code_points("a\xff"), U"a\uFFFD");
  EXPECT_EQ(code_points("\xf0\x9f\x8e\x89"), U"\U0001F389");
  EXPECT_EQ(code_points(""), U"");
  EXPECT_EQ(utf8(U"\U0001F389"), "\xf0\x9f\x8e\x89");
}

TEST(Unicode, ClassesArePythons) {
  for (const char32_t c : {U' ', U'\t', U'\n', U'\v', U'\f', U'\r', U'\x1c', U'\x1f', U'\x85', U'\u00A0',
                           U'\u1680', U'\u2009', U'\u2028', U'\u2029', U'\u202F', U'\u205F', U'\u3000'})
    EXPECT_TRUE(is_space(c)) << static_cast<uint32_t>(c);
  EXPECT_FALSE(is_space(0x200B)) << "zero width";
  for (const char32_t c : {U'a', U'é', U'ª', U'東', U'½', U'Ⅷ', U'²', U'_', U'٣'}) EXPECT_TRUE(is_word(c));
  for (const char32_t c : {U'\u0301', U'-', U' ', U'’', U'€'}) EXPECT_FALSE(is_word(c));
  EXPECT_EQ(digit_value(U'７'), 7);
  EXPECT_EQ(digit_value(U'²'), -1);
  EXPECT_EQ(fraction_value(U'½'), 0.5);
  EXPECT_EQ(fraction_value(U'7'), 0);
  EXPECT_TRUE(is_currency(U'€') && is_symbol(U'€') && is_punctuation(U'–') && is_number(U'½'));
}

}  // namespace rouse
