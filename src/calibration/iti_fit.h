/// calibration/iti_fit.h - which attention heads tell true answers from false ones (ITI, arXiv:2306.03341,
/// section 3).
///
/// For every head a logistic probe on its output at the last token of "question, answer". Questions are split
/// in two folds. A fold's picked heads are the best by their accuracy on a held-out fifth of the other fold,
/// and are reported on the fold itself, with a bootstrap interval over its questions. The file's heads are
/// ordered by their accuracy across both folds; directions are the shift of the mass means over everything.
#pragma once

#include <functional>

#include "decoding/iti.h"

namespace rouse {

/// Activations of answers: what every head gave at the last token.
struct ItiData {
  int n_layer = 0, n_head = 0, width = 0;
  std::vector<float> activations;  ///< row-major [n_answer][n_layer][n_head][width]
  std::vector<char> truth;         ///< [n_answer]
  std::vector<int> question;       ///< [n_answer]
  size_t n_answer() const { return truth.size(); }
  size_t n_head_total() const { return static_cast<size_t>(n_layer) * static_cast<size_t>(n_head); }
};

struct ItiFitOptions {
  int n_pick = 0;      ///< heads reported; 0: as many as --iti shifts
  double ridge = 1.0;  ///< L2 penalty of a probe, scikit-learn's default
  uint64_t seed = 1;
};

/// A logistic probe: weights [width], then the intercept. Newton's method on the penalised likelihood.
std::vector<double> fit_probe(const ItiData& data, size_t head, std::span<const size_t> answers,
                              double ridge);

/// Throws Error (exit 2) when there are too few questions, or answers of one kind only.
ItiFile fit_iti(const ItiData& data, const ItiFitOptions& options,
                const std::function<void(double)>& progress = {});

}  // namespace rouse
