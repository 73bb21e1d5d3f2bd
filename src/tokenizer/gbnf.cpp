#include "tokenizer/gbnf.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

using Kind = GbnfExpr::Kind;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Gbnf parse() {
    require_usage(text_.size() <= GbnfBounds::n_byte, "the grammar cannot be used: it is ", text_.size(),
                  " bytes, expected at most ", GbnfBounds::n_byte);
    check_bytes();
    skip(true);
    while (!at_end()) rule();
    check_rules();
    return std::move(gbnf_);
  }

 private:
  // Characters.

  bool at_end() const { return at_ == text_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  /// Counts on from the last answer: a grammar may have as many names as lines.
  size_t line(size_t at) const {
    if (at < counted_) counted_ = 0, line_ = 1;
    for (; counted_ < at; ++counted_) line_ += text_[counted_] == '\n';
    return line_;
  }
  template <class... Parts>
  void require_here(bool ok, const Parts&... parts) const {
    if (ok) return;
    const std::string rule = rule_.empty() ? "" : cat(", rule ", rule_);
    throw Error(cat("the grammar cannot be used: line ", line(at_), rule, ": ", parts...), ErrorKind::usage);
  }
  [[noreturn]] void expected(const std::string& what) const {
    const auto rest = text_.substr(at_, std::min<size_t>(20, text_.find('\n', at_) - at_));
    require_here(
        false, "expected ", what, ", found ",
        rest.empty() ? "the end of the line" : cat('"', rest.substr(0, complete_utf8_prefix(rest)), '"'));
    std::abort();
  }
  void check_bytes() {
    for (size_t at = 0; at < text_.size();) {
      at_ = at;
      const auto c = read_character(text_, at);
      require_here(c && *c != 0, "is no UTF-8 text");
    }
    at_ = 0;
  }
  void skip(bool lines) {
    while (!at_end()) {
      const char c = peek();
      if (c == '#')
        at_ = std::min(text_.size(), text_.find_first_of("\r\n", at_));
      else if (c == ' ' || c == '\t' || (lines && (c == '\r' || c == '\n')))
        ++at_;
      else
        return;
    }
  }
  bool take(char c) {
    if (at_end() || peek() != c) return false;
    ++at_;
    return true;
  }
  std::string_view word() {
    const size_t begin = at_;
    while (is_name(peek())) ++at_;
    if (at_ == begin) expected("the name of a rule (letters, digits, -)");
    return text_.substr(begin, at_ - begin);
  }

  // Expressions.

  size_t add(GbnfExpr expr) {
    for (const size_t part : expr.parts) expr.height = std::max(expr.height, gbnf_.exprs[part].height + 1);
    gbnf_.exprs.push_back(std::move(expr));
    return gbnf_.exprs.size() - 1;
  }
  size_t combine(Kind kind, std::vector<size_t> parts) {
    if (parts.size() == 1) return parts[0];
    size_t n_node = 1;
    for (const size_t part : parts) n_node += gbnf_.exprs[part].n_node;
    return add({.kind = kind, .parts = std::move(parts), .n_node = n_node});
  }
  size_t repeat(size_t part, size_t low, size_t high) {
    const size_t copies = high == GbnfExpr::kNoEnd ? low + 1 : high;
    const size_t n_node = copies * (gbnf_.exprs[part].n_node + 1);  // no overflow: 2^21 times 2^41
    require_here(n_node <= GbnfBounds::n_node, "the repetition unfolds to ", n_node,
                 " parts, expected at most ", GbnfBounds::n_node);
    const size_t out =
        add({.kind = Kind::repeat, .parts = {part}, .low = low, .high = high, .n_node = n_node});
    require_here(gbnf_.exprs[out].height <= 4 * GbnfBounds::depth, "repetitions nested too deep");
    return out;
  }

  void rule() {
    rule_ = "";
    const size_t first_line = line(at_);
    const std::string_view name = word();
    rule_ = name;
    const size_t index = rule_named(name);
    if (gbnf_.rules[index].expr != GbnfRule::kUndefined)
      require_here(false, "is defined a second time; first in line ", gbnf_.rules[index].line);
    skip(false);
    if (text_.substr(at_, 3) != "::=") expected("::=");
    at_ += 3;
    skip(true);
    const size_t expr = alternatives(0);
    if (!at_end() && peek() != '\r' && peek() != '\n') expected("|, another part or the end of the line");
    gbnf_.rules[index].expr = expr;
    gbnf_.rules[index].line = first_line;
    skip(true);
  }
  size_t rule_named(std::string_view name) {
    const auto [found, added] = names_.try_emplace(std::string(name), gbnf_.rules.size());
    if (added) gbnf_.rules.push_back({.name = std::string(name), .line = line(at_)});
    return found->second;
  }

  /// depth > 0: within parentheses, where lines may end anywhere.
  size_t alternatives(int depth) {
    std::vector<size_t> parts{sequence(depth)};
    while (take('|')) {
      skip(true);
      parts.push_back(sequence(depth));
    }
    return combine(Kind::choice, std::move(parts));
  }
  size_t sequence(int depth) {
    std::vector<size_t> parts;
    while (!at_end()) {
      const char c = peek();
      if (c == '"')
        parts.push_back(literal());
      else if (c == '[')
        parts.push_back(char_class());
      else if (c == '.')
        parts.push_back((++at_, chars({}, true)));
      else if (c == '(')
        parts.push_back(group(depth + 1));
      else if (is_name(c))
        parts.push_back(add({.kind = Kind::rule, .rule = rule_named(word()), .n_node = 1}));
      else
        break;
      skip(depth > 0);
      parts.back() = repetitions(parts.back(), depth);
    }
    require_here(at_end() || std::string_view("*+?{").find(peek()) == std::string_view::npos,
                 "a repetition (* + ? {}) of nothing");
    require_here(peek() != '<' && peek() != '!', "tokens (<...>) are not understood here");
    return combine(Kind::sequence, std::move(parts));
  }
  size_t group(int depth) {
    require_here(depth <= GbnfBounds::depth, "parentheses nested more than ", GbnfBounds::depth, " deep");
    ++at_;
    skip(true);
    const size_t out = alternatives(depth);
    if (!take(')')) expected("| or )");
    return out;
  }

  size_t repetitions(size_t part, int depth) {
    for (;; skip(depth > 0)) {
      if (take('*'))
        part = repeat(part, 0, GbnfExpr::kNoEnd);
      else if (take('+'))
        part = repeat(part, 1, GbnfExpr::kNoEnd);
      else if (take('?'))
        part = repeat(part, 0, 1);
      else if (peek() == '{')
        part = counted(part, depth);
      else
        return part;
    }
  }
  size_t counted(size_t part, int depth) {
    const size_t begin = at_++;
    skip(depth > 0);
    const size_t low = count();
    size_t high = low;
    skip(depth > 0);
    if (take(',')) {
      skip(depth > 0);
      high = peek() == '}' ? GbnfExpr::kNoEnd : count();
      skip(depth > 0);
    }
    if (!take('}')) expected("} after the counts of a repetition");
    require_here(low <= high, text_.substr(begin, at_ - begin), ": the first count is above the second");
    return repeat(part, low, high);
  }
  size_t count() {
    const size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    const auto value = parse_int(text_.substr(begin, at_ - begin));
    if (!value || *value >= static_cast<int64_t>(GbnfBounds::n_node))
      at_ = begin, expected(cat("a count of 0 to ", GbnfBounds::n_node - 1));
    return static_cast<size_t>(*value);
  }

  size_t literal() {
    ++at_;
    std::string bytes;
    while (!take('"')) {
      const uint32_t c = character("\" at the end of a text");
      require_here(is_character(c), "a text holds half of a surrogate pair, which is not a character");
      append_character(bytes, c);
    }
    const size_t n = bytes.size();
    return add({.kind = Kind::literal, .bytes = std::move(bytes), .n_node = n});
  }
  size_t char_class() {
    ++at_;
    const bool others = take('^');
    std::vector<CodeRange> ranges;
    while (!take(']')) {
      const uint32_t low = character("] at the end of a class");
      uint32_t high = low;
      if (peek() == '-' && peek(1) != ']') {
        ++at_;
        high = character("] at the end of a class");
        require_here(low <= high, "a class has a range that ends before it begins");
      }
      ranges.push_back({low, high});
    }
    require_here(!ranges.empty(), "a class of no characters");
    return chars(std::move(ranges), others);
  }
  size_t chars(std::vector<CodeRange> ranges, bool others) {
    std::vector<ByteSequence> sequences = utf8_sequences(normal_ranges(std::move(ranges), others));
    require_here(!sequences.empty(), "a class that no character fits");
    size_t n_node = 0;
    for (const ByteSequence& s : sequences) n_node += static_cast<size_t>(s.n);
    return add({.kind = Kind::chars, .chars = std::move(sequences), .n_node = n_node});
  }
  uint32_t character(const char* end) {
    if (at_end()) expected(end);
    if (!take('\\')) return *read_character(text_, at_);
    const char c = peek();
    const size_t n_digit = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (n_digit > 0) return ++at_, hexadecimal(n_digit);
    constexpr std::string_view kNames = "trn\\\"[]-", kMeant = "\t\r\n\\\"[]-";
    const size_t at = at_end() ? std::string_view::npos : kNames.find(c);
    if (at == std::string_view::npos) expected("an escape (\\t \\r \\n \\\\ \\\" \\[ \\] \\- \\x \\u \\U)");
    ++at_;
    return static_cast<uint32_t>(kMeant[at]);
  }
  uint32_t hexadecimal(size_t n_digit) {
    uint32_t value = 0;
    for (size_t i = 0; i < n_digit; ++i, ++at_) {
      const size_t digit = std::string_view("0123456789abcdef0123456789ABCDEF").find(peek());
      if (at_end() || digit == std::string_view::npos) expected(cat(n_digit, " hexadecimal digits"));
      value = value << 4 | digit % 16;
    }
    require_here(value <= 0x10FFFF, "an escape is above the last character, 10FFFF");
    return value;
  }

  void check_rules() {
    size_t n_node = 0;
    for (const GbnfRule& rule : gbnf_.rules) {
      require_usage(rule.expr != GbnfRule::kUndefined, "the grammar cannot be used: line ", rule.line,
                    ": rule ", rule.name, " is defined nowhere");
      n_node += gbnf_.exprs[rule.expr].n_node + 1;
    }
    require_usage(n_node <= GbnfBounds::n_node, "the grammar cannot be used: it unfolds to ", n_node,
                  " parts, expected at most ", GbnfBounds::n_node);
    const auto root = names_.find("root");
    require_usage(root != names_.end(), "the grammar cannot be used: it has no rule named root");
    gbnf_.root = root->second;
    const std::vector<bool> ends = ending_rules(gbnf_);
    const size_t endless = static_cast<size_t>(std::find(ends.begin(), ends.end(), false) - ends.begin());
    if (endless == ends.size()) return;
    const GbnfRule& rule = gbnf_.rules[endless_cycle(endless, ends)];
    require_usage(false, "the grammar cannot be used: line ", rule.line, ", rule ", rule.name,
                  ": no text ever ends it, as it always needs itself again");
  }
  /// A rule without end has a part without end, and so on until one comes again: that one needs itself.
  size_t endless_cycle(size_t rule, const std::vector<bool>& ends) const {
    std::vector<bool> seen(ends.size());
    while (!seen[rule]) {
      seen[rule] = true;
      std::vector<size_t> open{gbnf_.rules[rule].expr};
      for (bool found = false; !found;) {
        const GbnfExpr& e = gbnf_.exprs[open.back()];
        open.pop_back();
        open.insert(open.end(), e.parts.rbegin(), e.parts.rend());
        found = e.kind == Kind::rule && !ends[e.rule];
        if (found) rule = e.rule;
      }
    }
    return rule;
  }

  std::string_view text_, rule_;
  size_t at_ = 0;
  mutable size_t counted_ = 0, line_ = 1;  // line_ is that of the byte counted_
  Gbnf gbnf_;
  std::unordered_map<std::string, size_t> names_;
};

/// By rule: whether it holds, when it holds of a literal and of a character as told; of a sequence if of all
/// its parts, of a choice if of one. Linear: each expression is told once by each of its parts.
std::vector<bool> rules_where(const Gbnf& gbnf, bool (*of_literal)(const std::string&), bool of_character) {
  const size_t n = gbnf.exprs.size(), n_rule = gbnf.rules.size();
  std::vector<std::vector<size_t>> told(n), references(n_rule);  // by expression, by rule: who hears of it
  std::vector<size_t> missing(n, 1), held;
  std::vector<bool> out(n_rule);
  std::vector<std::vector<size_t>> rules_of(n);
  for (size_t r = 0; r < n_rule; ++r) rules_of[gbnf.rules[r].expr].push_back(r);
  for (size_t i = 0; i < n; ++i) {
    const GbnfExpr& e = gbnf.exprs[i];
    for (const size_t part : e.parts) told[part].push_back(i);
    if (e.kind == Kind::rule) references[e.rule].push_back(i);
    if (e.kind == Kind::sequence) missing[i] = e.parts.size();
    if ((e.kind == Kind::literal && of_literal(e.bytes)) || (e.kind == Kind::chars && of_character) ||
        (e.kind == Kind::repeat && e.low == 0) || (e.kind == Kind::sequence && e.parts.empty()))
      missing[i] = 0, held.push_back(i);
  }
  const auto tell = [&](size_t i) {
    if (missing[i] > 0 && --missing[i] == 0) held.push_back(i);
  };
  while (!held.empty()) {
    const size_t i = held.back();
    held.pop_back();
    for (const size_t whole : told[i]) tell(whole);
    for (const size_t rule : rules_of[i]) {
      out[rule] = true;
      for (const size_t reference : references[rule]) tell(reference);
    }
  }
  return out;
}

}  // namespace

Gbnf parse_gbnf(std::string_view text) {
  return Parser(text).parse();
}

std::vector<bool> empty_rules(const Gbnf& gbnf) {
  return rules_where(
      gbnf, [](const std::string& bytes) { return bytes.empty(); }, false);
}

std::vector<bool> ending_rules(const Gbnf& gbnf) {
  return rules_where(
      gbnf, [](const std::string&) { return true; }, true);
}

}  // namespace rouse
