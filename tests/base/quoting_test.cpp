#include "base/quoting.h"

#include "base/random.h"
#include "support.h"

namespace rouse {

using Parts = std::vector<std::string>;

TEST(Quoting, SeparatorsCountOutsideOfQuotes) {
  EXPECT_EQ(split_quoted("scmoe weak='a b' beta=1", " "), (Parts{"scmoe", "weak='a b'", "beta=1"}));
  EXPECT_EQ(split_quoted("'a,b',lambda=1", ","), (Parts{"'a,b'", "lambda=1"}));
  EXPECT_EQ(split_quoted("plan:\"a \\\" b\" x", " "), (Parts{"plan:\"a \\\" b\"", "x"}));
  EXPECT_EQ(split_quoted("a,,b", ","), (Parts{"a", "", "b"}));
  EXPECT_EQ(split_quoted("it's here", " "), (Parts{"it's", "here"})) << "a quote opens where a value begins";
  EXPECT_EQ(find_unquoted("plan:'x+mask:1'+mask:2.3", "+mask:"), 15u);
  EXPECT_EQ(find_unquoted("plan:x", "+mask:"), std::string::npos);
}

TEST(Quoting, AValueStandsWithoutItsQuotes) {
  EXPECT_EQ(unquote("plain"), "plain");
  EXPECT_EQ(unquote("'a \\ b'"), "a \\ b");
  EXPECT_EQ(unquote(R"("a \" \\ \n")"), R"(a " \ \n)");
  EXPECT_EQ(unquote("it's"), "it's");
  EXPECT_EQ(unquote("''"), "");
  expect_refusal([] { unquote("'a"); }, ErrorKind::usage, "is not closed");
  expect_refusal([] { unquote("\"a\\\""); }, ErrorKind::usage, "is not closed");
  expect_refusal([] { unquote("'a'b"); }, ErrorKind::usage, "\"b\" follows the quoted value");
}

TEST(Quoting, WhatIsQuotedReadsBackAmongOthers) {
  Random random(3);
  const std::string characters = "ab ,=+:|'\"\\\t\n";
  for (int i = 0; i < 2000; ++i) {
    std::string value;
    for (uint32_t n = random.below(8); n > 0; --n)
      value += characters[random.below(static_cast<uint32_t>(characters.size()))];
    EXPECT_EQ(unquote(quote(value)), value);
    const Parts words = split_quoted(cat("scmoe weak=", quote(value), " beta=1"), " ");
    ASSERT_EQ(words.size(), 3u) << value;
    EXPECT_EQ(unquote(words[1].substr(5)), value);
    const std::string nested = quote(cat("plan:", quote(value), ",lambda=1"));
    const Parts inner = split_quoted(unquote(nested).substr(5), ",");
    ASSERT_EQ(inner.size(), 2u) << value;
    EXPECT_EQ(unquote(inner[0]), value);
  }
  EXPECT_EQ(quote("m.cor.json"), "m.cor.json");
  EXPECT_EQ(quote("my file.json"), "'my file.json'");
  EXPECT_EQ(quote("it's"), "\"it's\"");
}

TEST(Quoting, AShellReadsTheWordBack) {
  for (const std::string word : {"plain-1.json", "a b", "it's", "$HOME", "", "a;rm"}) {
    FILE* shell = popen(("printf %s " + shell_quoted(word)).c_str(), "r");
    char text[64] = "";
    const size_t n = fread(text, 1, sizeof text, shell);
    pclose(shell);
    EXPECT_EQ(std::string(text, n), word);
  }
}

}  // namespace rouse
