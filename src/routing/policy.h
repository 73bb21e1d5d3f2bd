/// routing/policy.h - routing as data: which experts a row uses at every MoE layer.
///
/// A policy is a value. It is parsed from text, prints itself back, is checked against a model, and chooses
/// experts from what the router said about one row. It never sees a model, a graph or a decoding method.
/// Grammar: CHOICE[+steer:FILE,n=N,strength=S][+mask:L.E,L.E...][+force:L.E,...], e.g. "topk", "topk:4",
/// "topk:4,anchored", "rank:2", "random:1,seed=7", "dynamic:0.6,max=4", "replay:'my trace.jsonl'"
/// (base/quoting.h), "topk+mask:3.17,5.2". Source: rouse's methods, section 1 of docs/methods.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "routing/files.h"
#include "routing/router_spec.h"

namespace rouse {

/// What the router says about one row at one MoE layer.
struct RouterRow {
  int layer;                    ///< block number
  int64_t position;             ///< of the row in its sequence
  std::span<const float> gate;  ///< G [n_expert]; 0 for a masked expert
  std::span<const int> order;   ///< the first `depth` selectable experts, best H first, ties to the lower id
  std::span<const int> selectable;  ///< every selectable expert, ascending
};

/// Sorted (layer, expert) pairs: experts that may not be chosen, or that must be.
using Mask = std::vector<std::pair<int, int>>;

/// How experts are chosen. One file each in this folder; the table is registry.cpp.
class Choice {
 public:
  virtual ~Choice() = default;
  /// Canonical text, such as "rank:2", which parses to the same choice.
  virtual std::string text() const = 0;
  /// Throws Error (exit 2) unless the model can be routed so. Also resolves defaults that depend on the
  /// model.
  virtual void bind(const RouterSpec& router, const Mask& mask) = 0;
  /// The most experts it chooses at `layer`; for a choice that is not ragged, exactly how many.
  virtual int max_count(int layer) const = 0;
  /// Whether the number chosen depends on the row.
  virtual bool ragged() const { return false; }
  /// How much of `RouterRow::order` it reads.
  virtual int depth(int layer) const { return max_count(layer); }
  /// Writes the chosen experts, distinct, best first; returns how many: max_count(layer) unless ragged. Never
  /// fails.
  virtual int choose(const RouterRow& row, std::span<int> out) const = 0;
  /// Every chosen expert weighs 1, whatever its gate.
  virtual bool unit_weight() const { return false; }
  /// Where the model makes the chosen gates sum to 1, they are divided by the sum of those that its own rule
  /// would have chosen instead, so that another k does not rescale the block's output (arXiv:2609.04575).
  virtual bool anchored() const { return false; }
  /// Gates that weigh the chosen experts instead of the router's, in the order of `choose`; or empty.
  virtual std::span<const float> gates(const RouterRow& /*row*/) const { return {}; }
  /// Added to the scores before the order is made: [n_expert], or empty.
  virtual std::span<const float> bias(int /*layer*/) const { return {}; }
  /// Of what the choice read from files, for provenance.
  virtual uint64_t content_hash() const { return 0; }
  /// Throws Error unless rows at this position can be routed (a trace has an end).
  virtual void admit(int64_t /*position*/) const {}
};

class Steering;

/// A choice, steering and a mask, bound to one model's routers. Immutable and cheap to copy.
class RoutingPolicy {
 public:
  /// Parses and binds; `files` has what the text names. Throws Error (exit 2) naming what is wrong and what
  /// was wanted.
  RoutingPolicy(const std::string& text, const RouterSpec& router,
                const RoutingFiles& files = routing_files_by_path());

  const std::string& text() const { return text_; }
  /// Hash of the canonical text and of the files it names, for provenance.
  uint64_t hash() const;
  const Choice& choice() const { return *choice_; }
  const RouterSpec& router() const { return *router_; }
  bool masked(int layer, int expert) const;
  bool has_mask() const { return !mask_.empty(); }
  /// Forced experts come first in the order, so each takes the place of the last-ranked choice; k is
  /// unchanged.
  bool forced(int layer, int expert) const;
  bool has_force() const { return !force_.empty(); }
  /// Changes the router's logits before all else; null: nothing does.
  const Steering* steering() const { return steering_.get(); }
  /// The most that a row chooses in any block; 0 for a dense model.
  int most_experts() const { return most_experts_; }
  /// It is the model's own rule, nothing added.
  bool trained() const { return trained_; }
  /// Policies of equal shape choose equally many experts at each layer, so their rows can share one graph.
  uint64_t shape() const { return shape_; }

 private:
  std::string text_;
  std::shared_ptr<const RouterSpec> router_;
  std::shared_ptr<const Choice> choice_;
  std::shared_ptr<const Steering> steering_;
  Mask mask_, force_;
  uint64_t shape_ = 0;
  int most_experts_ = 0;
  bool trained_ = false;
};

/// (block, expert) of "L.E". Throws Error (exit 2) unless the model has it; `what` opens the message.
std::pair<int, int> parse_expert(const std::string& what, const std::string& text, const RouterSpec& router);

/// Every kind of choice: name, what it does, how it is written. In the order of `--help`.
struct ChoiceEntry {
  const char* name;
  const char* usage;
  const char* help;
  /// Makes the choice from the text after the colon ("2", "1,seed=7", "").
  std::unique_ptr<Choice> (*make)(const std::string& arguments);
  /// The same of a choice that names a file; `make` is null then.
  std::unique_ptr<Choice> (*make_from)(const std::string& arguments, const RoutingFiles& files) = nullptr;
  bool seeded = false;  ///< it draws by the option seed
};
std::span<const ChoiceEntry> choice_registry();
/// One line a kind, for help texts.
std::string policy_help();

}  // namespace rouse
