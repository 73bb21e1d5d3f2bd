/// Any text is either refused or a policy that routes rows within bounds and prints itself back.
#include <cstdlib>

#include "base/error.h"
#include "routing/later_seed.h"
#include "routing/route.h"

namespace {

/// Whatever the text names is there, and nothing on the disk is.
struct Files final : rouse::RoutingFiles {
  explicit Files(const rouse::RouterSpec& router) {
    auto plan = std::make_shared<rouse::Plan>(rouse::Plan::empty(router, "llama", 6));
    plan->impact = {{0, 1, 2, 3, 4, 5, 6, 7}, {7, 6, 5, 4, 3, 2, 1, 0}, {0, 0, 1, 1, 0, 0, 1, 1}};
    plan->intensity = {1, 2, 3};
    plan->budget = {1, 2, 3};
    auto steer = std::make_shared<rouse::SteerFile>(rouse::SteerFile::empty(router, "llama", 6));
    steer->difference[0] = {0.5, -0.5, 0.25, 0, 1, -1, 0.125, 0};
    plan_ = plan, steer_ = steer;
  }
  std::shared_ptr<const rouse::Plan> plan(const std::string&) const override { return plan_; }
  std::shared_ptr<const rouse::Trace> trace(const std::string& name) const override {
    throw rouse::Error(name + ": no trace", rouse::ErrorKind::bad_file);
  }
  std::shared_ptr<const rouse::SteerFile> steer(const std::string&) const override { return steer_; }
  std::shared_ptr<const rouse::Plan> plan_;
  std::shared_ptr<const rouse::SteerFile> steer_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rouse::RouterSpec router;
  router.n_expert = 8;
  router.n_expert_used = 2;
  router.layers = {0, 1, 5};
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const Files files(router);
  try {
    const rouse::RoutingPolicy policy(text, router, files);
    if (rouse::RoutingPolicy(policy.text(), router, files).text() != policy.text()) std::abort();
    const std::string later = rouse::with_later_seed(policy.text(), 3);
    if (rouse::RoutingPolicy(later, router, files).choice().max_count(0) != policy.choice().max_count(0))
      std::abort();
    const std::vector<float> logits = {0.5f, -1, 2, 2, 0, 7, -3, 1};
    rouse::RouteScratch scratch;
    for (const int layer : router.layers) {
      std::vector<int> ids(static_cast<size_t>(policy.choice().max_count(layer)));
      std::vector<float> weights(ids.size());
      const int n = rouse::route_row(policy, layer, 3, logits, {}, ids, weights, scratch);
      if (n < 1 || n > static_cast<int>(ids.size())) std::abort();
      for (int i = 0; i < n; ++i)
        if (ids[static_cast<size_t>(i)] < 0 || ids[static_cast<size_t>(i)] >= 8) std::abort();
    }
  } catch (const rouse::Error&) {
  }
  return 0;
}
