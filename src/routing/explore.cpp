/// routing/explore.cpp - the M best experts are kept, the other K - M drawn without replacement from the next
/// P by gate^(1/T) (Expert-Sample, arXiv:2602.02443: a certain head, an uncertain tail). Drawn by Gumbel keys
/// log G / T + g, the largest first, g from a counter keyed by (seed, layer, position), so that neither batch
/// order nor batch size matters. With M = 0 and P = E it is the model's top-k under Gumbel noise of scale T
/// on the router's logits (RoE, arXiv:2509.17238).
#include <cfloat>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "routing/arguments.h"
#include "routing/choices.h"

namespace rouse {
namespace {

struct ExploreOptions {
  std::optional<int64_t> k, keep, pool;  ///< the model's k; half of k, rounded up; k, or what there is
  double temperature = 1;
  uint64_t seed = 0;
};

class Explore final : public Choice {
 public:
  explicit Explore(const ExploreOptions& o) : o_(o) {}
  std::string text() const override {
    return cat("explore:", k_, ",keep=", keep_, ",pool=", pool_, ",temp=", number_text(o_.temperature),
               ",seed=", o_.seed);
  }
  void bind(const RouterSpec& router, const Mask& mask) override {
    const int most = router.n_selectable();
    const auto within = [&](const char* name, int64_t value, int low, int high) {
      require_usage(value >= low && value <= high, "policy explore: ", name, " is ", value, ", expected ",
                    low, " to ", high);
      return static_cast<int>(value);
    };
    k_ = within("K", o_.k.value_or(router.n_expert_used), 1, most);
    keep_ = within("keep", o_.keep.value_or((k_ + 1) / 2), 0, k_);
    pool_ = within("pool", o_.pool.value_or(std::min(k_, most - keep_)), k_ - keep_, most - keep_);
    for (const int layer : router.layers) {  // at most what a mask leaves in every block
      const auto masked =
          std::count_if(mask.begin(), mask.end(), [&](const auto& m) { return m.first == layer; });
      pool_ = std::max(k_ - keep_, std::min(pool_, most - static_cast<int>(masked) - keep_));
    }
  }
  int max_count(int) const override { return k_; }
  int depth(int) const override { return keep_ + pool_; }
  int choose(const RouterRow& row, std::span<int> out) const override {
    thread_local std::vector<std::pair<double, int>> keys;  // the smallest is drawn first
    keys.clear();
    Random random(o_.seed, static_cast<uint64_t>(row.layer), static_cast<uint64_t>(row.position));
    for (const int expert : row.order.subspan(static_cast<size_t>(keep_))) {
      const double gate = std::max(row.gate[static_cast<size_t>(expert)], FLT_MIN);
      const double exponential = std::max(-std::log1p(-random.uniform()), DBL_MIN);
      keys.emplace_back(std::log(exponential) - std::log(gate) / o_.temperature, expert);
    }
    std::partial_sort(keys.begin(), keys.begin() + (k_ - keep_), keys.end());
    std::copy_n(row.order.begin(), keep_, out.begin());
    for (int i = keep_; i < k_; ++i)
      out[static_cast<size_t>(i)] = keys[static_cast<size_t>(i - keep_)].second;
    return k_;
  }

 private:
  ExploreOptions o_;
  int k_ = 0, keep_ = 0, pool_ = 0;
};

}  // namespace

std::unique_ptr<Choice> explore(const std::string& text) {
  Arguments arguments("explore", text);
  ExploreOptions o;
  o.k = arguments.leading_integer();
  o.keep = arguments.integer("keep");
  o.pool = arguments.integer("pool");
  o.temperature = arguments.number("temp").value_or(o.temperature);
  require_usage(o.temperature >= 1e-3 && o.temperature <= 1e3, "policy explore: temp is ", o.temperature,
                ", expected a number in [0.001, 1000]");
  const auto seed = arguments.integer("seed");
  require_usage(!seed || *seed >= 0, "policy explore: the seed is negative");
  o.seed = static_cast<uint64_t>(seed.value_or(0));
  arguments.finish();
  return std::make_unique<Explore>(o);
}

}  // namespace rouse
