/// routing/random.cpp - N distinct experts, uniformly: the control that any informed choice must beat.
/// Drawn from a counter keyed by (seed, layer, position), so that neither batch order nor batch size matters.
#include "base/random.h"

#include "base/error.h"
#include "routing/arguments.h"
#include "routing/choices.h"

namespace rouse {
namespace {

class RandomChoice final : public Choice {
 public:
  RandomChoice(int count, uint64_t seed) : count_(count), seed_(seed) {}
  std::string text() const override { return cat("random:", count_, ",seed=", seed_); }
  void bind(const RouterSpec& router, const Mask&) override {
    require_usage(count_ <= router.n_selectable(), "policy random: N is ", count_, ", expected 1 to ",
                  router.n_selectable());
  }
  int max_count(int) const override { return count_; }
  int depth(int) const override { return 0; }
  bool unit_weight() const override { return count_ == 1; }  // as in the published SCMoE code
  int choose(const RouterRow& row, std::span<int> out) const override {
    // Selection sampling (Knuth, TAOCP 3.4.2 S): every subset is equally likely; their order carries no
    // meaning.
    Random random(seed_, static_cast<uint64_t>(row.layer), static_cast<uint64_t>(row.position));
    auto left = static_cast<uint32_t>(row.selectable.size());
    int chosen = 0;
    for (const int expert : row.selectable) {
      if (chosen == count_) break;
      if (random.below(left--) < static_cast<uint32_t>(count_ - chosen))
        out[static_cast<size_t>(chosen++)] = expert;
    }
    return chosen;
  }

 private:
  int count_;
  uint64_t seed_;
};

}  // namespace

std::unique_ptr<Choice> random_choice(const std::string& text) {
  Arguments arguments("random", text);
  const auto count = arguments.leading_integer();
  const auto seed = arguments.integer("seed");
  arguments.finish();
  require_usage(count && *count >= 1 && *count <= 65536,
                "policy random: expected random:N with N at least 1, got random:", text);
  require_usage(!seed || *seed >= 0, "policy random: the seed is negative");
  return std::make_unique<RandomChoice>(static_cast<int>(*count), static_cast<uint64_t>(seed.value_or(0)));
}

}  // namespace rouse
