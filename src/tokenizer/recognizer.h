/// tokenizer/recognizer.h - which bytes may follow, in every reading of the text so far at once.
///
/// Earley's algorithm (An efficient context-free parsing algorithm, CACM 13(2), 1970) over bytes, the rules
/// being automata; empty rules after Aycock and Horspool (2002). An item is a place in a rule and the state
/// in which the rule was begun. States with equal items are one state, and what follows a state is kept:
/// where a text does not nest deeper, the recognizer turns into a finite automaton as it is used. Left
/// recursion, ambiguity and loops of empty texts need no care of the author; work is polynomial in the text,
/// and cut off by a bound.
#pragma once

#include <compare>
#include <unordered_map>

#include "tokenizer/gbnf_graph.h"

namespace rouse {

class Recognizer {
 public:
  static constexpr int kDead = -1;

  explicit Recognizer(std::shared_ptr<const GbnfGraph> graph);

  /// The state of the empty text; until `keep_only`.
  int start() const { return start_; }
  /// The state after one more byte, or kDead. Throws Error (exit 2) when the texts read since `allow_work`
  /// have too many readings.
  int next(int state, uint8_t byte);
  /// Whether the text may end here.
  bool whole(int state) const { return states_[static_cast<size_t>(state)].whole; }

  /// The bound begins anew: a second's work at most, some 50 MB.
  void allow_work() { work_ = kWork; }
  /// What the states take; those that no reading needs any more leave with `keep_only`.
  size_t n_item() const { return n_item_; }
  /// Forgets every state that `state` does not rest on; the number that it has then.
  int keep_only(int state);

 private:
  static constexpr size_t kWork = size_t{1} << 22;  ///< items looked at
  static constexpr uint32_t kOutside = UINT32_MAX;  ///< where the root was begun
  static constexpr int kUnknown = -2;

  struct Item {
    uint32_t node;
    uint32_t rule;    ///< which is over at node accept: not always the node's own, see GbnfGraph::Kind::jump
    uint32_t origin;  ///< the state in which it was begun
    auto operator<=>(const Item&) const = default;
  };
  static size_t hash_of(const Item& item);
  /// Items once each, by open addressing; empty again at no cost.
  class ItemSet {
   public:
    bool insert(const Item& item);
    void clear() { ++round_, n_ = 0; }

   private:
    struct Slot {
      Item item;
      uint64_t round = 0;
    };
    void grow();
    std::vector<Slot> slots_ = std::vector<Slot>(64);
    uint64_t round_ = 1;
    size_t n_ = 0;
  };
  struct State {
    std::vector<Item> core;   ///< bytes and calls of rules begun before, sorted: what makes a state this one
    std::vector<Item> begun;  ///< bytes and calls of rules that begin here
    std::vector<Item> calls;  ///< all calls, by the rule they wait for
    std::vector<int> next;    ///< by byte class; empty until the first
    bool whole = false;
  };

  void visit(const Item& item);
  void spend(size_t work);
  /// Follows what was visited to bytes and calls. self: the state whose rules begin, or kOutside.
  std::vector<Item> settle(uint32_t self, bool& whole);
  void complete(const Item& item, bool& whole);
  int state_of_visited();
  int add(std::vector<Item> core, bool whole);
  int file(State state);
  static size_t hash_of(const std::vector<Item>& core, bool whole);
  const GbnfGraph::Node& node(const Item& item) const { return graph_->nodes[item.node]; }

  std::shared_ptr<const GbnfGraph> graph_;
  std::vector<State> states_;  ///< an item's origin is never behind its state
  std::unordered_multimap<size_t, int> by_core_;
  int start_ = 0;
  size_t n_item_ = 0, work_ = kWork;

  // Within one step.
  std::vector<Item> open_;
  ItemSet visited_;
};

}  // namespace rouse
