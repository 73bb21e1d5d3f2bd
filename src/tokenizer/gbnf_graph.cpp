#include "tokenizer/gbnf_graph.h"

#include <algorithm>
#include <bitset>

namespace rouse {
namespace {

using Kind = GbnfGraph::Kind;

/// Builds from the end: the node of an expression leads to `next` once it was matched.
class Builder {
 public:
  explicit Builder(const Gbnf& gbnf) : gbnf_(gbnf) { add(Kind::accept, {}); }

  GbnfGraph build() {
    const std::vector<bool> empty = empty_rules(gbnf_);
    for (size_t r = 0; r < gbnf_.rules.size(); ++r)
      graph_.rules.push_back({emit(gbnf_.rules[r].expr, GbnfGraph::kAccept), empty[r]});
    graph_.root = static_cast<uint32_t>(gbnf_.root);
    classify();
    return std::move(graph_);
  }

 private:
  using Edge = GbnfGraph::Edge;

  uint32_t add(Kind kind, const std::vector<Edge>& edges, size_t rule = 0) {
    graph_.nodes.push_back({kind, static_cast<uint32_t>(rule), static_cast<uint32_t>(graph_.edges.size()),
                            static_cast<uint32_t>(edges.size())});
    graph_.edges.insert(graph_.edges.end(), edges.begin(), edges.end());
    return static_cast<uint32_t>(graph_.nodes.size() - 1);
  }
  uint32_t split(std::initializer_list<uint32_t> targets) {
    std::vector<Edge> edges;
    for (const uint32_t to : targets) edges.push_back({{}, to});
    return add(Kind::split, edges);
  }

  uint32_t emit(size_t expr, uint32_t next) {
    const GbnfExpr& e = gbnf_.exprs[expr];
    switch (e.kind) {
      case GbnfExpr::Kind::literal:
        return spelled(e.bytes, next);
      case GbnfExpr::Kind::chars:
        return characters(e.chars, next);
      case GbnfExpr::Kind::rule:
        return next == GbnfGraph::kAccept ? add(Kind::jump, {}, e.rule)
                                          : add(Kind::call, {{{}, next}}, e.rule);
      case GbnfExpr::Kind::sequence:
        for (size_t i = e.parts.size(); i-- > 0;) next = emit(e.parts[i], next);
        return next;
      case GbnfExpr::Kind::choice:
        return choice(e.parts, next);
      case GbnfExpr::Kind::repeat:
        return repeat(e, next);
    }
    return next;
  }

  uint32_t spelled(const std::string& bytes, uint32_t next) {
    for (size_t i = bytes.size(); i-- > 0;) {
      const auto byte = static_cast<uint8_t>(bytes[i]);
      next = add(Kind::bytes, {{{byte, byte}, next}});
    }
    return next;
  }

  uint32_t repeat(const GbnfExpr& e, uint32_t next) {
    if (e.high == GbnfExpr::kNoEnd) {
      const uint32_t loop = split({GbnfGraph::kAccept, next});
      const uint32_t body = emit(e.parts[0], loop);
      graph_.edges[graph_.nodes[loop].edge].to = body;
      next = loop;
    } else {
      const uint32_t end = next;
      for (size_t i = e.low; i < e.high; ++i) next = split({emit(e.parts[0], next), end});
    }
    for (size_t i = 0; i < e.low; ++i) next = emit(e.parts[0], next);
    return next;
  }

  /// Literals share what they begin with, so that a long list of names is not tried one by one.
  uint32_t choice(const std::vector<size_t>& parts, uint32_t next) {
    std::vector<std::string_view> names;
    std::vector<Edge> edges;
    for (const size_t part : parts) {
      if (gbnf_.exprs[part].kind == GbnfExpr::Kind::literal)
        names.push_back(gbnf_.exprs[part].bytes);
      else
        edges.push_back({{}, emit(part, next)});
    }
    if (!names.empty()) edges.push_back({{}, trie(std::move(names), next)});
    return edges.size() == 1 ? edges[0].to : add(Kind::split, edges);
  }
  uint32_t trie(std::vector<std::string_view> names, uint32_t next) {
    struct Branch {
      std::vector<std::pair<uint8_t, size_t>> children;
      bool end = false;
    };
    std::sort(names.begin(), names.end());
    std::vector<Branch> branches(1);
    for (const std::string_view name : names) {
      size_t at = 0;
      for (const char c : name) {
        const auto byte = static_cast<uint8_t>(c);
        if (branches[at].children.empty() || branches[at].children.back().first != byte) {
          branches[at].children.emplace_back(byte, branches.size());
          branches.emplace_back();
        }
        at = branches[at].children.back().second;
      }
      branches[at].end = true;
    }
    std::vector<uint32_t> nodes(branches.size());
    for (size_t i = branches.size(); i-- > 0;) {  // children come behind their parents
      std::vector<Edge> edges;
      for (const auto& [byte, child] : branches[i].children) edges.push_back({{byte, byte}, nodes[child]});
      nodes[i] = edges.empty() ? next : add(Kind::bytes, edges);
      if (branches[i].end && !edges.empty()) nodes[i] = split({nodes[i], next});
    }
    return nodes[0];
  }

  uint32_t characters(const std::vector<ByteSequence>& sequences, uint32_t next) {
    std::array<uint32_t, 4> any_tail{next, 0, 0, 0};  // any_tail[n]: n continuation bytes, then next
    return bytes_from(sequences, 0, any_tail);
  }
  /// The sequences share their first `depth` bytes' ranges.
  uint32_t bytes_from(std::span<const ByteSequence> sequences, size_t depth,
                      std::array<uint32_t, 4>& any_tail) {
    std::vector<Edge> edges;
    for (size_t begin = 0; begin < sequences.size();) {
      const ByteRange range = sequences[begin].bytes[depth];
      size_t end = begin + 1;
      while (end < sequences.size() && sequences[end].bytes[depth] == range) ++end;
      const size_t n_left = static_cast<size_t>(sequences[begin].n) - depth - 1;
      const auto tail = sequences.subspan(begin, end - begin);
      edges.push_back({range, any_continuation(tail, depth + 1) ? continuation(n_left, any_tail)
                                                                : bytes_from(tail, depth + 1, any_tail)});
      begin = end;
    }
    return add(Kind::bytes, edges);
  }
  static bool any_continuation(std::span<const ByteSequence> sequences, size_t depth) {
    for (size_t i = depth; i < static_cast<size_t>(sequences[0].n); ++i)
      if (sequences.size() > 1 || sequences[0].bytes[i] != ByteRange{0x80, 0xBF}) return false;
    return true;
  }
  uint32_t continuation(size_t n, std::array<uint32_t, 4>& any_tail) {
    for (size_t i = 1; i <= n; ++i)
      if (any_tail[i] == 0) any_tail[i] = add(Kind::bytes, {{{0x80, 0xBF}, any_tail[i - 1]}});
    return any_tail[n];
  }

  void classify() {
    std::bitset<257> begins;
    for (const GbnfGraph::Node& node : graph_.nodes)
      if (node.kind == Kind::bytes)
        for (const Edge& edge : graph_.edges_of(node))
          begins.set(edge.bytes.low), begins.set(edge.bytes.high + 1u);
    size_t index = 0;
    for (size_t byte = 0; byte < 256; ++byte) {
      if (byte > 0 && begins[byte]) ++index;
      graph_.byte_class[byte] = static_cast<uint8_t>(index);
    }
    graph_.n_class = index + 1;
  }

  const Gbnf& gbnf_;
  GbnfGraph graph_;
};

}  // namespace

std::shared_ptr<const GbnfGraph> compile_gbnf(std::string_view text) {
  const Gbnf gbnf = parse_gbnf(text);
  return std::make_shared<const GbnfGraph>(Builder(gbnf).build());
}

}  // namespace rouse
