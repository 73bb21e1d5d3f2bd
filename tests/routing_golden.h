/// tests/routing_golden.h - cases of tests/golden/routing.json as rouse's own types.
#pragma once

#include <map>

#include "routing/route.h"
#include "support.h"

namespace rouse {

inline RouterSpec router_of(const nlohmann::json& j) {
  RouterSpec r;
  r.n_expert = j["n_expert"], r.n_expert_used = j["k"];
  r.gate = j["gate"] == "sigmoid" ? Gate::sigmoid : Gate::softmax;
  r.renormalize = j["renormalize"], r.scale = j["scale"];
  r.n_group = j["n_group"], r.n_group_used = j["n_group_used"];
  r.group_score = j["group_score"] == "best" ? GroupScore::best : GroupScore::best_two;
  r.layers = {0, 1, 5};
  return r;
}

/// The files that a case's policy names: "plan", "steer".
class GoldenFiles final : public RoutingFiles {
 public:
  GoldenFiles(const nlohmann::json& c, const RouterSpec& router) {
    if (c.contains("difference")) {
      SteerFile s = SteerFile::empty(router, "llama", 6);
      s.difference = c["difference"].get<std::vector<std::vector<double>>>();
      steer_ = std::make_shared<SteerFile>(std::move(s));
    }
    if (!c.contains("plan")) return;
    Plan p = Plan::empty(router, "llama", 6);
    p.impact = c["plan"]["impact"].get<std::vector<std::vector<double>>>();
    p.budget = c["plan"]["budget"].get<std::vector<int>>();
    plan_ = std::make_shared<Plan>(std::move(p));
  }
  std::shared_ptr<const Plan> plan(const std::string&) const override { return plan_; }
  std::shared_ptr<const Trace> trace(const std::string&) const override { return nullptr; }
  std::shared_ptr<const SteerFile> steer(const std::string&) const override { return steer_; }

 private:
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<const SteerFile> steer_;
};

/// Expert and weight of the row that a case describes.
inline std::map<int, float> routed(const RoutingPolicy& policy, const nlohmann::json& c) {
  const int layer = c["layer"];
  const auto logits = c["logits"].get<std::vector<float>>(),
             bias = c["bias"].is_null() ? std::vector<float>{} : c["bias"].get<std::vector<float>>();
  std::vector<int> ids(static_cast<size_t>(policy.choice().max_count(layer)));
  std::vector<float> weights(ids.size());
  RouteScratch scratch;
  const int n = route_row(policy, layer, c["position"], logits, bias, ids, weights, scratch);
  std::map<int, float> out;
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) out[ids[i]] = weights[i];
  return out;
}

}  // namespace rouse
