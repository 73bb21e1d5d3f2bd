/// What grammars may say, and by which line and rule the others are refused.
#include "tokenizer/gbnf.h"

#include "support.h"
#include "tokenizer/grammar.h"

namespace rouse {
namespace {

void refused(const std::string& text, const std::string& part) {
  expect_refusal([&] { check_grammar(text); }, ErrorKind::usage, "the grammar cannot be used: " + part);
}

}  // namespace

TEST(Gbnf, RefusesWhatCannotBeRead) {
  refused("", "it has no rule named root");
  refused("foo ::= \"a\"", "it has no rule named root");
  refused("root", "line 1, rule root: expected ::=, found the end of the line");
  refused("root := \"a\"", "line 1, rule root: expected ::=, found \":= \"a\"\"");
  refused("# a comment\n\nroot ::= \"a\" )",
          "line 3, rule root: expected |, another part or the end of the line");
  refused("root ::= \"a\"\n  | \"b\"", "line 2: expected the name of a rule");
  refused("root ::= (\"a\"", "line 1, rule root: expected | or )");
  refused("root ::= \"abc", "line 1, rule root: expected \" at the end of a text");
  refused("root ::= [abc", "line 1, rule root: expected ] at the end of a class");
  refused("root ::= []", "line 1, rule root: a class of no characters");
  refused("root ::= [z-a]", "line 1, rule root: a class has a range that ends before it begins");
  refused("root ::= [\\uD800-\\uDFFF]", "line 1, rule root: a class that no character fits");
  refused("root ::= [^\\x00-\\U0010FFFF]", "line 1, rule root: a class that no character fits");
  refused("root ::= \"\\uD83D\"", "line 1, rule root: a text holds half of a surrogate pair");
  refused("root ::= \"\\U00110000\"", "line 1, rule root: an escape is above the last character");
  refused("root ::= \"\\q\"", "line 1, rule root: expected an escape");
  refused("root ::= \"\\x4g\"", "line 1, rule root: expected 2 hexadecimal digits");
  refused("root ::= *", "line 1, rule root: a repetition (* + ? {}) of nothing");
  refused("root ::= \"a\" | {2}", "line 1, rule root: a repetition (* + ? {}) of nothing");
  refused("root ::= <[3]>", "line 1, rule root: tokens (<...>) are not understood here");
  refused("root ::= \"a\xff\"", "line 1: is no UTF-8 text");
  refused("root ::= \"\xed\xa0\x80\"", "line 1: is no UTF-8 text");
  refused(std::string("root ::= \"a\0\"", 13), "line 1: is no UTF-8 text");
  refused("root ::= \"a\"\n\nroot ::= \"b\"", "line 3, rule root: is defined a second time; first in line 1");
  refused("root ::= a\na ::= b-1", "line 2: rule b-1 is defined nowhere");
}

TEST(Gbnf, RefusesCountsThatCannotBe) {
  refused("root ::= \"a\"{5,2}", "line 1, rule root: {5,2}: the first count is above the second");
  refused("root ::= \"a\"{-1}", "line 1, rule root: expected a count of 0 to");
  refused("root ::= \"a\"{,3}", "line 1, rule root: expected a count of 0 to");
  refused("root ::= \"a\"{3", "line 1, rule root: expected } after the counts");
  refused("root ::= \"a\"{99999999999999999999}", "line 1, rule root: expected a count of 0 to");
  refused("root ::= x\nx ::= \"ab\"{900000,}", "line 2, rule x: the repetition unfolds to 2700003 parts");
  refused("root ::= ((\"a\"{1000}){1000}){1000}", "line 1, rule root: the repetition unfolds to");
  refused("root ::= [\u4e00\u4e02\u4e04]{400000}", "line 1, rule root: the repetition unfolds to");
}

TEST(Gbnf, RefusesRulesThatNoTextEnds) {
  refused("root ::= root", "line 1, rule root: no text ever ends it");
  refused("root ::= \"a\" | b\nb ::= \"(\" c\nc ::= b \")\"", "line 2, rule b: no text ever ends it");
  EXPECT_NO_THROW(check_grammar("root ::= root \"a\" | \"b\""));
  EXPECT_NO_THROW(check_grammar("root ::= (x? y*)* \"z\"\nx ::= \"x\" | y\ny ::= \"\" | y y | \"y\""));
}

TEST(Gbnf, BoundsNestingAndBytes) {
  const auto nested = [](size_t n) {
    return "root ::= " + std::string(n, '(') + "\"a\"" + std::string(n, ')');
  };
  EXPECT_NO_THROW(check_grammar(nested(64)));
  refused(nested(65), "line 1, rule root: parentheses nested more than 64 deep");
  refused(nested(30000), "line 1, rule root: parentheses nested more than 64 deep");
  refused("root ::= " + std::string(30000, '('), "line 1, rule root: parentheses nested more than 64 deep");
  std::string stacked = "root ::= \"a\"";
  for (int i = 0; i < 30000; ++i) stacked += "{1}";
  refused(stacked, "line 1, rule root: repetitions nested too deep");
  refused(std::string(GbnfBounds::n_byte + 1, ' '), "it is 1048577 bytes, expected at most 1048576");
  EXPECT_NO_THROW(check_grammar("root ::= \"" + std::string(100000, 'x') + "\""));
}

}  // namespace rouse
