#include "report/expert_use.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace rouse {

std::vector<std::string> default_variants(const RouterSpec& router) {
  if (!router.moe()) return {"greedy"};
  const int k = router.n_expert_used;
  return {"greedy",        "scmoe",    cat("topk:", std::min(2 * k, router.n_selectable())),
          cat("rank:", k), "random:1", "dynamic:0.6"};
}

std::vector<std::vector<int>> expert_use(const Generation& g, int stream, const RouterSpec& router) {
  std::vector<std::vector<int>> use(router.layers.size(),
                                    std::vector<int>(static_cast<size_t>(router.n_expert)));
  for (const RoutedPosition& p : g.routed())
    if (p.stream == stream && p.position >= static_cast<int64_t>(g.prompt().size()) - 1)
      for (size_t l = 0; l < p.layers.size(); ++l)
        for (const int e : p.layers[l].experts) ++use[l][static_cast<size_t>(e)];
  return use;
}

std::optional<double> unchosen_share(const Generation& g) {
  std::map<int64_t, const RoutedPosition*> strong;
  for (const RoutedPosition& p : g.routed())
    if (p.stream == 0) strong[p.position] = &p;
  int64_t n = 0, unchosen = 0;
  for (const RoutedPosition& p : g.routed()) {
    if (p.stream != 1 || !strong.count(p.position)) continue;
    for (size_t l = 0; l < p.layers.size(); ++l) {
      const auto& chosen = strong[p.position]->layers[l].experts;
      for (const int e : p.layers[l].experts)
        ++n, unchosen += std::count(chosen.begin(), chosen.end(), e) == 0;
    }
  }
  if (n == 0) return std::nullopt;
  return static_cast<double>(unchosen) / static_cast<double>(n);
}

}  // namespace rouse
