/// Texts against grammars, byte by byte: by hand, and against a plain search for all readings.
#include "tokenizer/recognizer.h"

#include <random>

#include "support.h"
#include "tokenizer/grammar.h"

namespace rouse {
namespace {

/// "whole", "prefix" or "dead".
std::string verdict(Recognizer& r, std::string_view text) {
  int state = r.start();
  for (const char c : text) {
    r.allow_work();
    state = r.next(state, static_cast<uint8_t>(c));
    if (state == Recognizer::kDead) return "dead";
  }
  return r.whole(state) ? "whole" : "prefix";
}
std::string verdict(const std::string& gbnf, std::string_view text) {
  Recognizer r(compile_gbnf(gbnf));
  return verdict(r, text);
}

/// Where a text of an expression that begins at `from` may end: all sets grow until none does.
class PlainSearch {
 public:
  PlainSearch(const Gbnf& gbnf, const std::string& text)
      : gbnf_(gbnf), text_(text), ends_(gbnf.exprs.size(), Sets(text.size() + 1)) {
    for (grew_ = true; grew_;) {
      grew_ = false;
      for (size_t e = 0; e < gbnf.exprs.size(); ++e)
        for (size_t from = 0; from <= text.size(); ++from)
          for (const size_t end : found(gbnf.exprs[e], from))
            grew_ = ends_[e][from].insert(end).second || grew_;
    }
  }
  bool whole() const { return ends_[gbnf_.rules[gbnf_.root].expr][0].count(text_.size()) > 0; }

 private:
  using Ends = std::set<size_t>;
  using Sets = std::vector<Ends>;
  using Kind = GbnfExpr::Kind;

  Ends after(const Ends& begins, size_t expr) const {
    Ends out;
    for (const size_t begin : begins) out.insert(ends_[expr][begin].begin(), ends_[expr][begin].end());
    return out;
  }
  Ends found(const GbnfExpr& e, size_t from) const {
    Ends out, at{from};
    switch (e.kind) {
      case Kind::literal:
        return text_.compare(from, e.bytes.size(), e.bytes) == 0 ? Ends{from + e.bytes.size()} : Ends{};
      case Kind::chars:
        for (const ByteSequence& s : e.chars) {
          if (from == text_.size()) break;
          const auto byte = static_cast<uint8_t>(text_[from]);
          if (s.n == 1 && s.bytes[0].low <= byte && byte <= s.bytes[0].high) out.insert(from + 1);
        }
        return out;
      case Kind::rule:
        return ends_[gbnf_.rules[e.rule].expr][from];
      case Kind::sequence:
        for (const size_t part : e.parts) at = after(at, part);
        return at;
      case Kind::choice:
        for (const size_t part : e.parts) out.merge(after(at, part));
        return out;
      case Kind::repeat:
        for (size_t i = 0; i < e.low; ++i) at = after(at, e.parts[0]);
        out = at;
        // The text has few bytes: so many repetitions reach whatever any number does.
        for (size_t i = e.low; i < std::min(e.high, e.low + text_.size()); ++i)
          at = after(at, e.parts[0]), out.insert(at.begin(), at.end());
        return out;
    }
    return out;
  }

  const Gbnf& gbnf_;
  const std::string& text_;
  std::vector<Sets> ends_;
  bool grew_;
};

class RandomGrammar {
 public:
  explicit RandomGrammar(uint64_t seed) : random_(seed) {}
  std::string text() {
    std::string out;  // in parentheses: a rule that ends in | goes on in the next line
    for (const char* name : {"root", "x", "y"}) out += std::string(name) + " ::= (" + alternatives(2) + ")\n";
    return out;
  }
  size_t below(size_t n) { return random_() % n; }

 private:
  std::string alternatives(int depth) {
    std::string out = sequence(depth);
    for (size_t i = below(3); i > 0; --i) out += " | " + sequence(depth);
    return out;
  }
  std::string sequence(int depth) {
    std::string out;
    for (size_t i = below(4); i > 0; --i) out += item(depth) + " ";
    return out;
  }
  std::string item(int depth) {
    constexpr const char* kItems[] = {"\"a\"", "\"b\"", "\"ab\"", "\"\"", "[ab]", "[^a]", "x", "y", "root"};
    constexpr const char* kTimes[] = {"", "", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "{0}"};
    const std::string one =
        depth > 0 && below(4) == 0 ? "(" + alternatives(depth - 1) + ")" : kItems[below(9)];
    return one + kTimes[below(12)];
  }
  std::mt19937_64 random_;
};

}  // namespace

TEST(Recognizer, ReadsWhatAGrammarSays) {
  const std::string list =
      "root ::= \"[\" (item (\", \" item)*)? \"]\" # a list\nitem ::= [a-c]{1,2} |\n  \"\\x41\\n\"";
  EXPECT_EQ(verdict(list, "[]"), "whole");
  EXPECT_EQ(verdict(list, "[a, bc, A\n]"), "whole");
  EXPECT_EQ(verdict(list, "[a, "), "prefix");
  EXPECT_EQ(verdict(list, "[abc"), "dead");
  EXPECT_EQ(verdict(list, "[a,]"), "dead");
  EXPECT_EQ(verdict("root ::= \"ab\"{2} [-x] [a-] [^\\]\\\\]", "abab-a-"), "whole");
  EXPECT_EQ(verdict("root ::= \"a\"{0}", ""), "whole");
  EXPECT_EQ(verdict("root ::= \"a\"{0}", "a"), "dead");
  EXPECT_EQ(verdict("root ::= (\"a\"{2}){3}", "aaaaaa"), "whole");
  EXPECT_EQ(verdict("root ::= \"a\"{3,5}", "aa"), "prefix");
  EXPECT_EQ(verdict("root ::= \"a\"{3,5}", "aaaaaa"), "dead");
  EXPECT_EQ(verdict("root ::= \"a\"{2,}", std::string(5000, 'a')), "whole");
}

TEST(Recognizer, ReadsCharactersAsWellFormedUtf8Alone) {
  EXPECT_EQ(verdict("root ::= .", "\xc3\xa9"), "whole");
  EXPECT_EQ(verdict("root ::= .", "\xc3"), "prefix");
  EXPECT_EQ(verdict("root ::= .{2}", "\xe2\x82\xac\xf0\x9f\x98\x80"), "whole");
  for (const char* broken :
       {"\x80", "\xc0\xaf", "\xc3(", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"})
    EXPECT_EQ(verdict("root ::= [^x]+", broken), "dead") << broken;
  const std::string cjk = "root ::= [一-鿿é]{2}";
  EXPECT_EQ(verdict(cjk, "中é"), "whole");
  EXPECT_EQ(verdict("root ::= .", std::string_view("\0", 1)), "dead");  // NUL comes only where it is named
  EXPECT_EQ(verdict("root ::= [\\x00-x]", std::string_view("\0", 1)), "whole");
  EXPECT_EQ(verdict(cjk, "中e"), "dead");
  EXPECT_EQ(verdict(cjk, "\u4dff"), "dead");  // one below
  EXPECT_EQ(verdict(cjk, "\ua000"), "dead");  // one above
}

TEST(Recognizer, KnowsEveryCharacterOfAClassFromItsNeighbours) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<CodeRange> ranges;
    for (int i = 0; i < 5; ++i) {
      const auto low = static_cast<uint32_t>(random() % 0x110000 >> (random() % 16));
      ranges.push_back({low, std::min<uint32_t>(0x10FFFF, low + (random() % 5000 >> (random() % 12)))});
    }
    const auto inside = [&](uint32_t c) {
      return is_character(c) && std::any_of(ranges.begin(), ranges.end(),
                                            [&](CodeRange r) { return r.low <= c && c <= r.high; });
    };
    for (const bool complement : {false, true}) {
      const auto sequences = utf8_sequences(normal_ranges(ranges, complement));
      const auto matches = [&](const std::string& bytes) {
        return std::any_of(sequences.begin(), sequences.end(), [&](const ByteSequence& s) {
          bool all = static_cast<size_t>(s.n) == bytes.size();
          for (size_t i = 0; all && i < bytes.size(); ++i)
            all = s.bytes[i].low <= static_cast<uint8_t>(bytes[i]) &&
                  static_cast<uint8_t>(bytes[i]) <= s.bytes[i].high;
          return all;
        });
      };
      for (const CodeRange r : ranges)
        for (const uint32_t c : {r.low - 1, r.low, r.low + 1, r.high - 1, r.high, r.high + 1}) {
          if (!is_character(c) || c == 0) continue;
          std::string bytes;
          append_character(bytes, c);
          EXPECT_EQ(matches(bytes), inside(c) != complement) << std::hex << c;
        }
    }
  }
}

TEST(Recognizer, FindsEveryReadingThatAPlainSearchFinds) {
  std::vector<std::string> texts{""};
  for (size_t i = 0; texts[i].size() < 5; ++i)
    texts.push_back(texts[i] + "a"), texts.push_back(texts[i] + "b");
  int compared = 0, whole = 0;
  for (uint64_t seed = 0; seed < 120; ++seed) {
    RandomGrammar random(seed);
    const std::string gbnf = random.text();
    try {
      Recognizer r(compile_gbnf(gbnf));
      const Gbnf rules = parse_gbnf(gbnf);
      for (int i = 0; i < 12; ++i) {
        const std::string& text = texts[random.below(texts.size())];
        const bool expected = PlainSearch(rules, text).whole();
        EXPECT_EQ(verdict(r, text) == "whole", expected) << gbnf << "\"" << text << '"';
        ++compared, whole += expected;
      }
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("no text ever ends it"), std::string::npos) << e.what() << gbnf;
    }
  }
  EXPECT_GT(compared, 700);
  EXPECT_GT(whole, 100);
}

TEST(Recognizer, AnyTextIsAGrammarOrRefused) {
  const std::string good = "root ::= \"a\" (b{1,3} | [^c-e\\n])* # x\nb ::= \"\\u00e9\" | root? \"z\"+\n";
  constexpr std::string_view kBytes = "\"()[]{}|*+?.\\:=-^<!#\n\r ab19,x\xc3\xa9";
  std::mt19937_64 random(3);
  int good_ones = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (size_t n = random() % 4 + 1; n > 0; --n) {
      const size_t at = random() % text.size();
      if (random() % 2) text.erase(at, random() % 4);
      if (random() % 2) text.insert(at, 1, kBytes[random() % kBytes.size()]);
    }
    try {
      Recognizer r(compile_gbnf(text));
      verdict(r, "azz\u00e9aaz");
      ++good_ones;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::usage);
    }
  }
  EXPECT_GT(good_ones, 300);
}

TEST(Recognizer, TurnsIntoAFiniteAutomatonWhereATextDoesNotNest) {
  Recognizer r(compile_gbnf(
      "root ::= \"[\" (word (\",\" word)*)? \"]\"\nword ::= [a-z] word | [a-z] | \"(\" root \")\""));
  std::string text = "[";
  for (int i = 0; i < 50; ++i) text += "abc,xyz,([]),";
  EXPECT_EQ(verdict(r, text), "prefix");
  const size_t n_item = r.n_item();
  for (int i = 0; i < 10; ++i) text += text.substr(1);
  EXPECT_EQ(verdict(r, text + "a]"), "whole");
  EXPECT_LT(r.n_item(), n_item + 100);
}

TEST(Recognizer, KeepsOnlyWhatTheTextRestsOn) {
  Recognizer r(compile_gbnf("root ::= \"(\" root* \")\" | [a-z]+"));
  int state = r.start();
  const auto read = [&](std::string_view text) {
    r.allow_work();
    for (const char c : text) state = r.next(state, static_cast<uint8_t>(c));
  };
  for (int i = 0; i < 100; ++i) read("(ab(x)");
  const size_t before = r.n_item();
  state = r.keep_only(state);
  EXPECT_LT(r.n_item(), before);
  read(std::string(99, ')'));
  EXPECT_FALSE(r.whole(state));
  read(")");
  EXPECT_TRUE(r.whole(state));
  r.allow_work();
  EXPECT_EQ(r.next(state, ')'), Recognizer::kDead);
}

TEST(Recognizer, StopsWhereATextHasTooManyReadings) {
  const auto read = [](const std::string& gbnf, size_t n) {
    Recognizer r(compile_gbnf(gbnf));
    int state = r.start();
    for (size_t i = 0; i < n; ++i) state = r.next(state, 'a');  // all on one allowance
    return r.whole(state);
  };
  // Alternatives that double: one reading after another would be 2^2000 of them.
  EXPECT_TRUE(read("root ::= (\"a\" | \"a\")* (\"a\" | \"aa\")*", 2000));
  EXPECT_TRUE(read("root ::= \"a\" root \"b\" | \"a\" root | \"a\"", 200));
  expect_refusal([&] { read("root ::= root root | \"a\"", 2000); }, ErrorKind::usage,
                 "the grammar is too ambiguous");
}

}  // namespace rouse
