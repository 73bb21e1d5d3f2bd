/// tokenizer/gbnf.h - the text of a grammar (GBNF) as expressions; whatever cannot be used is refused here,
/// by line and rule.
///
///     root ::= "yes" | item{2,5} ([a-z] | .)* # rules, of which root is the text
///
/// The notation is llama.cpp's without tokens (`<...>`). Bounded before anything is built from it: bytes,
/// nesting and what repetitions unfold to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/utf8_ranges.h"

namespace rouse {

struct GbnfBounds {
  static constexpr size_t n_byte = size_t{1} << 20;
  static constexpr int depth = 64;                   ///< of parentheses and of repetitions of repetitions
  static constexpr size_t n_node = size_t{1} << 21;  ///< bytes to match, once repetitions are unfolded
};

struct GbnfExpr {
  enum class Kind { literal, chars, rule, sequence, choice, repeat };
  Kind kind;
  std::string bytes = {};                ///< literal
  std::vector<ByteSequence> chars = {};  ///< one character
  std::vector<size_t> parts = {};        ///< sequence, choice; repeat has one
  size_t rule = 0;
  size_t low = 0, high = 0;  ///< repeat; high = kNoEnd: any number
  int height = 0;
  size_t n_node = 0;  ///< at most, in the graph
  static constexpr size_t kNoEnd = SIZE_MAX;
};

struct GbnfRule {
  std::string name;
  size_t line = 0;  ///< of its first mention; of its definition, once there is one
  size_t expr = kUndefined;
  static constexpr size_t kUndefined = SIZE_MAX;
};

struct Gbnf {
  std::vector<GbnfExpr> exprs;  ///< parts before the whole
  std::vector<GbnfRule> rules;
  size_t root = 0;
};

/// Throws Error (exit 2).
Gbnf parse_gbnf(std::string_view text);

/// By rule: whether it may be the empty text.
std::vector<bool> empty_rules(const Gbnf& gbnf);
/// By rule: whether some text, of finite length, is one.
std::vector<bool> ending_rules(const Gbnf& gbnf);

}  // namespace rouse
