#include "routing/policy.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/known.h"
#include "base/quoting.h"
#include "base/text.h"
#include "routing/steer.h"

namespace rouse {
namespace {

std::unique_ptr<Choice> parse_choice(const std::string& text, const RoutingFiles& files) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  for (const ChoiceEntry& entry : choice_registry()) {
    if (name != entry.name) continue;
    require_usage(colon == std::string::npos || colon + 1 < text.size(), "policy ", name,
                  ": nothing after the colon, expected ", entry.usage);
    const std::string arguments = colon == std::string::npos ? "" : text.substr(colon + 1);
    return entry.make_from ? entry.make_from(arguments, files) : entry.make(arguments);
  }
  std::vector<std::string> names;
  for (const ChoiceEntry& entry : choice_registry()) names.emplace_back(entry.name);
  throw Error(cat("unknown routing policy \"", text, "\"",
                  known_names(name, names, ", each with +steer:FILE, +mask:L.E,... and +force:L.E,...")),
              ErrorKind::usage);
}

/// A choice and what follows it, in any order: "+mask:...", "+force:...", "+steer:...".
struct Parts {
  std::string choice;
  std::array<std::optional<std::string>, 3> modifiers;
};
enum Modifier { kMask, kForce, kSteer };

Parts split_parts(const std::string& text) {
  constexpr std::array<std::string_view, 3> kOpenings{"+mask:", "+force:", "+steer:"};
  std::array<size_t, 3> at{};
  for (size_t i = 0; i < at.size(); ++i) at[i] = find_unquoted(text, kOpenings[i]);
  Parts out{text.substr(0, *std::min_element(at.begin(), at.end())), {}};
  for (size_t i = 0; i < at.size(); ++i) {
    if (at[i] == std::string::npos) continue;
    size_t end = text.size();
    for (const size_t other : at)
      if (other > at[i]) end = std::min(end, other);
    const size_t begin = at[i] + kOpenings[i].size();
    out.modifiers[i] = text.substr(begin, end - begin);
  }
  return out;
}

/// "3.17,5.2" -> (layer 3, expert 17), (layer 5, expert 2). what: "mask" or "force".
Mask parse_pairs(const char* what, const std::string& text, const RouterSpec& router) {
  Mask mask;
  for (const std::string& pair : split(text, ','))
    mask.push_back(parse_expert(cat("policy ", what), pair, router));
  std::sort(mask.begin(), mask.end());
  mask.erase(std::unique(mask.begin(), mask.end()), mask.end());
  return mask;
}

std::string pairs_text(const char* prefix, const Mask& mask) {
  std::vector<std::string> pairs;
  for (const auto& [layer, expert] : mask) pairs.push_back(cat(layer, ".", expert));
  return pairs.empty() ? "" : prefix + join(pairs, ",");
}

/// The fewest experts that any row can choose from at `layer`: the groups that the mask hurt most.
int least_selectable(const RouterSpec& router, const Mask& mask, int layer) {
  const int size = router.n_expert / router.n_group;
  std::vector<int> left(static_cast<size_t>(router.n_group), size);
  for (const auto& [l, expert] : mask)
    if (l == layer) --left[static_cast<size_t>(expert / size)];
  std::sort(left.begin(), left.end());
  int sum = 0;
  for (int g = 0; g < router.n_group_used; ++g) sum += left[static_cast<size_t>(g)];
  return sum;
}

}  // namespace

std::pair<int, int> parse_expert(const std::string& what, const std::string& text, const RouterSpec& router) {
  const size_t dot = text.find('.');
  const auto layer = parse_int(std::string_view(text).substr(0, dot));
  const auto expert =
      dot == std::string::npos ? std::nullopt : parse_int(std::string_view(text).substr(dot + 1));
  require_usage(layer && expert, what, ": \"", text, "\" is not LAYER.EXPERT");
  require_usage(std::count(router.layers.begin(), router.layers.end(), *layer) == 1, what, ": block ", *layer,
                " is no MoE layer of this model");
  require_usage(*expert >= 0 && *expert < router.n_expert, what, ": expert ", *expert, " is outside 0..",
                router.n_expert - 1);
  return {static_cast<int>(*layer), static_cast<int>(*expert)};
}

RoutingPolicy::RoutingPolicy(const std::string& text, const RouterSpec& router, const RoutingFiles& files)
    : router_(std::make_shared<RouterSpec>(router)) {
  require_usage(text.size() <= 1 << 16, "the routing policy is ", text.size(),
                " characters long, the limit is 65536");
  const Parts parts = split_parts(text);
  std::unique_ptr<Choice> choice = parse_choice(parts.choice, files);
  require_usage(router.moe() || text == "topk",
                router.why_not.empty() ? "the model is dense: it has no experts to route"
                                       : "the model cannot be routed: " + router.why_not,
                ", so only topk applies, not \"", text, "\"");
  if (const auto& mask = parts.modifiers[kMask]) mask_ = parse_pairs("mask", *mask, router);
  if (const auto& force = parts.modifiers[kForce]) force_ = parse_pairs("force", *force, router);
  if (const auto& steer = parts.modifiers[kSteer])
    steering_ = std::make_shared<Steering>(*steer, router, files);
  if (router.moe()) {
    choice->bind(router, mask_);
    for (const int layer : router.layers) {
      const int left = least_selectable(router, mask_, layer);
      // A ragged choice takes what is there, so one expert is enough for it.
      const int needed = choice->ragged() ? 1 : std::max(choice->depth(layer), choice->max_count(layer));
      const auto n_forced =
          std::count_if(force_.begin(), force_.end(), [&](const auto& f) { return f.first == layer; });
      require_usage(n_forced <= choice->max_count(layer), "policy ", text, ": forces ", n_forced,
                    " experts in block ", layer, ", which runs ", choice->max_count(layer));
      require_usage(left >= needed, "policy ", text, ": the mask leaves ", left, " experts in block ", layer,
                    ", needed are ", needed);
      most_experts_ = std::max(most_experts_, choice->max_count(layer));
      shape_ =
          shape_ * 0x100000001b3ull ^ static_cast<uint64_t>(choice->max_count(layer) * 2 + choice->ragged());
    }
  }
  for (const auto& [layer, expert] : force_)
    require_usage(!masked(layer, expert), "policy ", text, ": expert ", layer, ".", expert,
                  " is both masked and forced");
  text_ = cat(choice->text(), steering_ ? "+steer:" + steering_->text() : "", pairs_text("+mask:", mask_),
              pairs_text("+force:", force_));
  trained_ = text_ == "topk" || text_ == cat("topk:", router.n_expert_used);
  choice_ = std::move(choice);
}

uint64_t RoutingPolicy::hash() const {
  return hash_text(text_) ^ choice_->content_hash() ^ (steering_ ? steering_->content_hash() : 0);
}

bool RoutingPolicy::forced(int layer, int expert) const {
  return std::binary_search(force_.begin(), force_.end(), std::pair(layer, expert));
}

bool RoutingPolicy::masked(int layer, int expert) const {
  return std::binary_search(mask_.begin(), mask_.end(), std::pair(layer, expert));
}

std::string policy_help() {
  std::string out;
  for (const ChoiceEntry& entry : choice_registry())
    out += cat("  ", padded(entry.usage, 20), " ", entry.help, "\n");
  return out +
         "  ...+steer:FILE       with any of these: what `rouse steer fit` found is pushed to the front or "
         "the back; also n=N, strength=S (a safety risk: docs/methods.md)\n"
         "  ...+mask:L.E,...     with any of these: experts that must not be chosen (block.expert)\n"
         "  ...+force:L.E,...    experts that replace the last-ranked choices\n"
         "  anchored changes nothing in a model that does not make its weights sum to 1 (`rouse inspect`).\n";
}

}  // namespace rouse
