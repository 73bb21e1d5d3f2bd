/// calibration/intensity.h - how much more hard tokens than easy ones depend on a layer, and how sure that
/// is.
///
/// R_l = mean over hard tokens of |change| / (mean over easy ones + 1e-8), when block l is perturbed. The
/// change is of the NLL (Counterfactual Routing, arXiv:2604.14246) or of the log-odds g, NLL = log(1 + e^-g):
/// a change of NLL is -(1 - p) times one of g, so on tokens that the model is sure of it is of the size of
/// rounding and R is noise; g keeps its digits. rouse's methods, section 2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rouse {

/// |changes| of the hard and of the easy tokens of one document.
struct DocumentChanges {
  std::vector<double> hard, easy;
};

/// R of one layer.
struct LayerIntensity {
  double hard, easy;  ///< means over tokens
  double ratio;       ///< R
  double low, high;   ///< 95% interval of it, by bootstrap over documents; NaN for a single document
  double error;       ///< standard deviation of log R in that bootstrap; NaN where it has none
};
/// At least one hard and one easy token. stream: a number of the layer's own for its resamples.
LayerIntensity intensity_of(std::span<const DocumentChanges> documents, uint64_t seed, uint64_t stream);

/// R drawn towards the layers' mean as far as chance could have spread it, in logs: with r = log R, m its
/// mean over the layers and t = max(0, var r - mean error^2), r becomes m + t / (t + error^2) (r - m). Errors
/// of 0 leave R, large ones make all layers equal. A layer whose R is 0, or is not known, or has no error,
/// stays as it is.
std::vector<double> shrunk_intensity(const std::vector<double>& ratios, const std::vector<double>& errors);

}  // namespace rouse
