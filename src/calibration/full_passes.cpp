#include "calibration/full_passes.h"

#include <algorithm>

#include "base/clock.h"

namespace rouse {
namespace {

/// One pass over every document, and one over the beginning before each of its scored tokens.
struct Rows {
  double whole = 0, before = 0;
};

Rows rows_of(std::span<const Document> documents) {
  Rows out;
  for (const Document& d : documents) {
    if (!d.scored.empty()) out.whole += d.scored.back();
    for (const int t : d.scored) out.before += t;
  }
  return out;
}

double n_layer(const std::vector<int>& asked, const RouterSpec& router) {
  return static_cast<double>(asked.empty() ? router.layers.size() : asked.size());
}

}  // namespace

double rows_of_full_passes(std::span<const Document> documents, const RouterSpec& router,
                           const CalibrateOptions& o) {
  const Rows rows = rows_of(documents);
  const double layers = n_layer(o.layers, router), hard = (100 - o.strata.hard) / 100;
  const double perturbed = layers * (o.probe.noise ? o.probe.draws : 1), moved = o.certify ? 2 * layers : 0;
  return rows.whole * (2 + perturbed + moved) + rows.before * hard * layers * router.n_expert_used;
}

double rows_of_full_passes(std::span<const Document> documents, const RouterSpec& router,
                           const HeadroomOptions& o) {
  const Rows rows = rows_of(documents);
  const int unchosen = router.n_expert - router.n_expert_used;
  const int candidates = o.n_candidate > 0 ? std::min(o.n_candidate, unchosen) : unchosen;
  return rows.whole * 2 + rows.before * (100 - o.strata.hard) / 100 * n_layer(o.layers, router) * candidates;
}

double seconds_a_row(Engine& engine, std::span<const Document> documents) {
  const auto some = documents.first(std::min<size_t>(documents.size(), 8));
  const auto longest = std::ranges::max_element(some, {}, [](const Document& d) { return d.tokens.size(); });
  Probe probe(engine, {});
  const std::vector<int> last{static_cast<int>(longest->tokens.size()) - 1};
  probe.losses(*longest, last);
  const double begin = now_seconds();
  probe.losses(*longest, last);
  return (now_seconds() - begin) / last[0];
}

}  // namespace rouse
