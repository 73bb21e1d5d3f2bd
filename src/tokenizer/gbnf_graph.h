/// tokenizer/gbnf_graph.h - a grammar as one automaton over bytes for each rule.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "tokenizer/gbnf.h"

namespace rouse {

struct GbnfGraph {
  enum class Kind : uint8_t {
    accept,  ///< the rule is over; node 0 alone
    bytes,   ///< one byte, within one of the edges
    split,   ///< goes on along every edge
    call,    ///< a text of `rule`, then along the edge
    jump     ///< a text of `rule`, whose end is the end of the rule that jumps: repetitions by recursion cost
             ///< nothing
  };
  struct Node {
    Kind kind;
    uint32_t rule;          ///< call, jump
    uint32_t edge, n_edge;  ///< the first and the number of its edges
  };
  struct Edge {
    ByteRange bytes;  ///< read at nodes of kind bytes
    uint32_t to;
  };
  struct Rule {
    uint32_t start;
    bool may_be_empty;
  };
  static constexpr uint32_t kAccept = 0;

  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<Rule> rules;
  uint32_t root = 0;
  /// Bytes of one class are alike at every node.
  std::array<uint8_t, 256> byte_class{};
  size_t n_class = 1;

  std::span<const Edge> edges_of(const Node& node) const { return {&edges[node.edge], node.n_edge}; }
};

/// Throws Error (exit 2) where parse_gbnf does. Time and memory are linear in the bytes and what repetitions
/// unfold to.
std::shared_ptr<const GbnfGraph> compile_gbnf(std::string_view text);

}  // namespace rouse
