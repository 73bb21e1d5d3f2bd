/// routing/plan_choice.cpp - Counterfactual Routing's online half (arXiv:2604.14246): block l runs the k_l
/// experts with the highest G + lambda * C, C being the plan's causal impact scaled to [0, 1] within its
/// layer. The sum of k_l is what the model runs anyway. Weights follow the model's rule over G, never over
/// the biased score.
#include <numeric>

#include "base/error.h"
#include "base/quoting.h"
#include "base/text.h"
#include "routing/arguments.h"
#include "routing/choices.h"
#include "routing/plan.h"

namespace rouse {
namespace {

struct PlanOptions {
  std::string path;  ///< or name: what `files` knows it by
  double lambda = 0.1;
  bool layers_only = false, experts_only = false, any_quant = false, anchored = false;
  std::optional<int64_t> k, k_max;
};

class PlanChoice final : public Choice {
 public:
  PlanChoice(const PlanOptions& o, std::shared_ptr<const Plan> plan) : o_(o), plan_(std::move(plan)) {}

  std::string text() const override {
    std::string out = cat("plan:", quote(o_.path), ",lambda=", number_text(o_.lambda));
    if (o_.layers_only) out += ",layers-only";
    if (o_.experts_only) out += ",experts-only";
    if (o_.k) out += cat(",k=", *o_.k);
    if (o_.k_max) out += cat(",kmax=", *o_.k_max);
    if (o_.any_quant) out += ",any-quant";
    if (o_.anchored) out += ",anchored";
    return out;
  }
  uint64_t content_hash() const override { return hash_text(plan_text(*plan_)); }

  void bind(const RouterSpec& router, const Mask&) override {
    check_model(router);
    const size_t n = plan_->layers.size();
    const int k = static_cast<int>(o_.k.value_or(router.n_expert_used));
    const int k_max = static_cast<int>(o_.k_max.value_or(router.n_selectable()));
    require_usage(k >= 1 && k <= router.n_selectable(), "policy plan: k is ", k, ", expected 1 to ",
                  router.n_selectable());
    require_usage(k_max >= k && k_max <= router.n_selectable(), "policy plan: kmax is ", k_max, ", expected ",
                  k, " to ", router.n_selectable());
    if (o_.experts_only) {
      counts_.assign(n, k);
    } else if (o_.k || o_.k_max) {
      for (const double r : plan_->shares())
        require_file(r == r, o_.path,
                     ": R is not measured in every layer, so k and kmax cannot change its budgets");
      counts_ = plan_budget(plan_->shares(), k * static_cast<int>(n), k_max);
    } else {
      counts_ = plan_->budget;
    }
    for (size_t l = 0; l < n; ++l) {
      require_file(counts_[l] <= router.n_selectable(), o_.path, ": wants ", counts_[l], " experts in block ",
                   plan_->layers[l], ", the model can select ", router.n_selectable());
      bias_.push_back(normalised_impact(plan_->impact[l]));
      for (float& b : bias_.back()) b *= static_cast<float>(o_.layers_only ? 0.0 : o_.lambda);
    }
  }
  int max_count(int layer) const override { return counts_[index(layer)]; }
  bool anchored() const override { return o_.anchored; }
  std::span<const float> bias(int layer) const override { return bias_[index(layer)]; }
  int choose(const RouterRow& row, std::span<int> out) const override {
    const int n = counts_[index(row.layer)];
    std::copy_n(row.order.begin(), n, out.begin());
    return n;
  }

 private:
  void check_model(const RouterSpec& router) const {
    require_file(plan_->layers == router.layers && plan_->n_expert == router.n_expert &&
                     plan_->k == router.n_expert_used,
                 o_.path, ": is for ", plan_->layers.size(), " MoE layers of ", plan_->n_expert,
                 " experts, top-", plan_->k, "; the model has ", router.layers.size(), " of ",
                 router.n_expert, ", top-", router.n_expert_used);
    if (o_.any_quant || !router.fingerprint) return;
    const std::string fingerprint = router.fingerprint();
    require_file(plan_->fingerprint == fingerprint, o_.path, ": was measured on another file (fingerprint ",
                 plan_->fingerprint.substr(0, 12), ", this model has ", fingerprint.substr(0, 12),
                 "); for another quantisation of the same model add ,any-quant");
  }
  size_t index(int layer) const { return layer_index(plan_->layers, layer); }

  PlanOptions o_;
  std::shared_ptr<const Plan> plan_;
  std::vector<int> counts_;
  std::vector<std::vector<float>> bias_;
};

}  // namespace

std::unique_ptr<Choice> plan(const std::string& text, const RoutingFiles& files) {
  Arguments arguments("plan", text);
  PlanOptions o;
  o.path = arguments.leading();
  require_usage(!o.path.empty(), "policy plan: expected plan:FILE, a file written by `rouse calibrate`");
  o.lambda = arguments.number("lambda").value_or(o.lambda);
  require_usage(o.lambda >= 0 && o.lambda <= 100, "policy plan: lambda is ", o.lambda, ", expected 0 to 100");
  o.layers_only = arguments.flag("layers-only");
  o.experts_only = arguments.flag("experts-only");
  o.any_quant = arguments.flag("any-quant");
  o.anchored = arguments.flag("anchored");
  require_usage(!(o.layers_only && o.experts_only),
                "policy plan: layers-only and experts-only exclude each other");
  o.k = arguments.integer("k");
  o.k_max = arguments.integer("kmax");
  arguments.finish();
  return std::make_unique<PlanChoice>(o, files.plan(o.path));
}

}  // namespace rouse
