/// calibration/strata.h - which scored tokens are hard and which are easy, by their losses.
#pragma once

#include <optional>
#include <vector>

#include "calibration/probe.h"
#include "calibration/units.h"

namespace rouse {

struct StrataOptions {
  double hard = 80, easy = 20;  ///< percentiles of NLL, by linear interpolation
  double nu = 0;                ///< nats: tokens of smaller loss, which the model is sure of, do not count
};

struct Strata {
  std::vector<std::vector<int>> hard, either;  ///< [document]: positions, ascending
  int n_scored = 0, n_hard = 0, n_easy = 0;    ///< n_scored: those that are sure too
  double above = 0;                            ///< nats: hard tokens have more
  bool is_hard(size_t document, int position) const;
};

/// The losses that count, of nu nats and more, ascending: what percentiles are of.
std::vector<double> counted_losses(const std::vector<std::vector<double>>& losses, double nu);

/// NLL of every scored token, [document][scored position], nats: units "loss:document". Nothing when
/// interrupted.
std::optional<std::vector<std::vector<double>>> measure_losses(Units& units, Probe& probe,
                                                               const std::vector<Document>& documents);

/// losses: as measure_losses has them. Hard is above one percentile of the tokens with NLL >= nu, easy
/// below the other; comparisons are strict.
Strata strata_of(const std::vector<Document>& documents, const std::vector<std::vector<double>>& losses,
                 const StrataOptions& options);

}  // namespace rouse
