#include "calibration/strata.h"

#include <algorithm>

#include "base/statistics.h"

namespace rouse {

bool Strata::is_hard(size_t document, int position) const {
  return std::binary_search(hard[document].begin(), hard[document].end(), position);
}

std::optional<std::vector<std::vector<double>>> measure_losses(Units& units, Probe& probe,
                                                               const std::vector<Document>& documents) {
  std::vector<std::vector<double>> losses;
  for (size_t d = 0; d < documents.size(); ++d) {
    const std::string name = cat("loss:", d);
    const Json* result =
        units.unit(name, [&] { return Json(probe.losses(documents[d], documents[d].scored)); });
    if (!result) return std::nullopt;
    losses.push_back(unit_numbers(*result, documents[d].scored.size(), name));
  }
  return losses;
}

std::vector<double> counted_losses(const std::vector<std::vector<double>>& losses, double nu) {
  std::vector<double> out;
  for (const auto& some : losses)
    std::copy_if(some.begin(), some.end(), std::back_inserter(out), [&](double x) { return x >= nu; });
  std::sort(out.begin(), out.end());
  return out;
}

Strata strata_of(const std::vector<Document>& documents, const std::vector<std::vector<double>>& losses,
                 const StrataOptions& o) {
  Strata out;
  out.hard.resize(documents.size());
  out.either.resize(documents.size());
  for (const auto& some : losses) out.n_scored += static_cast<int>(some.size());
  const std::vector<double> all = counted_losses(losses, o.nu);
  if (all.empty()) return out;
  const double above = out.above = quantile(all, o.hard / 100), below = quantile(all, o.easy / 100);
  for (size_t d = 0; d < documents.size(); ++d)
    for (size_t i = 0; i < losses[d].size(); ++i) {
      const double x = losses[d][i];
      const bool hard = x > above && x >= o.nu, easy = x < below && x >= o.nu;
      if (hard) out.hard[d].push_back(documents[d].scored[i]);
      if (hard || easy) out.either[d].push_back(documents[d].scored[i]);
      out.n_hard += hard;
      out.n_easy += easy;
    }
  return out;
}

}  // namespace rouse
