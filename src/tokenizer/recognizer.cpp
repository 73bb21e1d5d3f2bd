#include "tokenizer/recognizer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace rouse {

using Kind = GbnfGraph::Kind;

size_t Recognizer::hash_of(const Item& item) {
  uint64_t h = item.node;
  for (const uint32_t part : {item.rule, item.origin}) h = (h ^ part) * 0x9E3779B97F4A7C15ull, h ^= h >> 29;
  return h;
}

bool Recognizer::ItemSet::insert(const Item& item) {
  if (2 * n_ >= slots_.size()) grow();
  const size_t mask = slots_.size() - 1;
  size_t at = hash_of(item) & mask;
  for (; slots_[at].round == round_; at = (at + 1) & mask)
    if (slots_[at].item == item) return false;
  slots_[at] = {item, round_};
  ++n_;
  return true;
}

void Recognizer::ItemSet::grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  const uint64_t round = std::exchange(round_, 1);
  n_ = 0;
  for (const Slot& slot : old)
    if (slot.round == round) insert(slot.item);
}

Recognizer::Recognizer(std::shared_ptr<const GbnfGraph> graph) : graph_(std::move(graph)) {
  visit({graph_->rules[graph_->root].start, graph_->root, kOutside});
  start_ = state_of_visited();
}

void Recognizer::spend(size_t work) {
  require_usage(work <= work_, "the grammar is too ambiguous: what may follow has too many readings");
  work_ -= work;
}

void Recognizer::visit(const Item& item) {
  spend(1);
  if (visited_.insert(item)) open_.push_back(item);
}

void Recognizer::complete(const Item& item, bool& whole) {
  if (item.origin == kOutside) {
    whole = true;
    return;
  }
  const std::vector<Item>& calls = states_[item.origin].calls;
  const auto before = [&](const Item& call, uint32_t rule) { return node(call).rule < rule; };
  for (auto call = std::lower_bound(calls.begin(), calls.end(), item.rule, before);
       call != calls.end() && node(*call).rule == item.rule; ++call)
    visit({graph_->edges_of(node(*call))[0].to, call->rule, call->origin});
}

std::vector<Recognizer::Item> Recognizer::settle(uint32_t self, bool& whole) {
  std::vector<Item> out;
  while (!open_.empty()) {
    const Item item = open_.back();
    open_.pop_back();
    const GbnfGraph::Node& at = node(item);
    switch (at.kind) {
      case Kind::accept:
        // Empty rules were passed where they were called; their callers in `self` need no other word.
        if (item.origin != self || self == kOutside) complete(item, whole);
        break;
      case Kind::split:
        for (const GbnfGraph::Edge& edge : graph_->edges_of(at)) visit({edge.to, item.rule, item.origin});
        break;
      case Kind::jump:
        visit({graph_->rules[at.rule].start, item.rule, item.origin});
        break;
      case Kind::call:
        out.push_back(item);
        if (graph_->rules[at.rule].may_be_empty) visit({graph_->edges_of(at)[0].to, item.rule, item.origin});
        if (self != kOutside) visit({graph_->rules[at.rule].start, at.rule, self});
        break;
      case Kind::bytes:
        out.push_back(item);
        break;
    }
  }
  visited_.clear();
  return out;
}

/// The state of the visited items; kDead if nothing may follow them.
int Recognizer::state_of_visited() {
  bool whole = false;
  std::vector<Item> core = settle(kOutside, whole);
  if (core.empty() && !whole) return kDead;
  std::sort(core.begin(), core.end());
  const auto [begin, end] = by_core_.equal_range(hash_of(core, whole));
  for (auto known = begin; known != end; ++known) {
    const State& state = states_[static_cast<size_t>(known->second)];
    if (state.whole == whole && state.core == core) return known->second;
  }
  return add(std::move(core), whole);
}

size_t Recognizer::hash_of(const std::vector<Item>& core, bool whole) {
  size_t hash = whole;
  for (const Item& item : core) hash = hash * 31 + hash_of(item);
  return hash;
}

int Recognizer::add(std::vector<Item> core, bool whole) {
  const auto self = static_cast<uint32_t>(states_.size());
  State state{.core = std::move(core), .begun = {}, .calls = {}, .next = {}, .whole = whole};
  for (const Item& item : state.core)
    if (node(item).kind == Kind::call) visit({graph_->rules[node(item).rule].start, node(item).rule, self});
  state.begun = settle(self, whole);
  for (const auto* items : {&state.core, &state.begun})
    for (const Item& item : *items)
      if (node(item).kind == Kind::call) state.calls.push_back(item);
  std::sort(state.calls.begin(), state.calls.end(),
            [&](const Item& a, const Item& b) { return node(a).rule < node(b).rule; });
  return file(std::move(state));
}

int Recognizer::file(State state) {
  const auto out = static_cast<int>(states_.size());
  n_item_ += 8 + state.core.size() + state.begun.size() + state.calls.size() + graph_->n_class / 3;
  by_core_.emplace(hash_of(state.core, state.whole), out);
  states_.push_back(std::move(state));
  return out;
}

int Recognizer::next(int state, uint8_t byte) {
  const auto index = static_cast<size_t>(state);
  const size_t byte_class = graph_->byte_class[byte];
  std::vector<int>& known = states_[index].next;
  if (known.empty()) known.assign(graph_->n_class, kUnknown);
  if (known[byte_class] != kUnknown) return known[byte_class];
  open_.clear();
  visited_.clear();  // what a step that was cut off has left
  spend(8 + graph_->n_class / 3);
  for (const auto* items : {&states_[index].core, &states_[index].begun})
    for (const Item& item : *items) {
      spend(1);
      if (node(item).kind != Kind::bytes) continue;
      for (const GbnfGraph::Edge& edge : graph_->edges_of(node(item)))
        if (edge.bytes.low <= byte && byte <= edge.bytes.high) visit({edge.to, item.rule, item.origin});
    }
  const int out = state_of_visited();
  states_[index].next[byte_class] = out;
  return out;
}

int Recognizer::keep_only(int state) {
  std::vector<uint32_t> number(states_.size(), kOutside);
  number[static_cast<size_t>(state)] = 0;
  for (size_t i = static_cast<size_t>(state) + 1; i-- > 0;) {  // origins come first
    if (number[i] == kOutside) continue;
    for (const auto* items : {&states_[i].core, &states_[i].begun})
      for (const Item& item : *items)
        if (item.origin != kOutside) number[item.origin] = 0;
  }
  std::vector<State> kept;
  for (size_t i = 0; i < states_.size(); ++i) {
    if (number[i] == kOutside) continue;
    number[i] = static_cast<uint32_t>(kept.size());
    kept.push_back(std::move(states_[i]));
    kept.back().next.clear();
    for (auto* items : {&kept.back().core, &kept.back().begun, &kept.back().calls})
      for (Item& item : *items)
        if (item.origin != kOutside) item.origin = number[item.origin];
  }
  states_.clear();
  by_core_.clear();
  n_item_ = 0;
  for (State& one : kept) file(std::move(one));
  return static_cast<int>(number[static_cast<size_t>(state)]);
}

}  // namespace rouse
