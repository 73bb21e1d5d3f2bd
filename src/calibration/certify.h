/// calibration/certify.h - evidence before experts move between layers.
///
/// R says how much a layer matters, not what one expert more is worth there. So the change of NLL is measured
/// with one expert less and with one more in each layer, paired with the budgets at hand, and an expert moves
/// from a to b only where gain_b - cost_a over hard tokens is above 0 beyond chance: bootstrap over
/// documents, corrected by Holm over all moves tried. What is left is tried on documents held out
/// (calibrate.h). rouse's methods, section 2, "Evidence before moving".
#pragma once

#include <cstdint>
#include <vector>

#include "routing/plan_evidence.h"

namespace rouse {

/// Of the held-out documents, over all tokens: more than this, in nats, is not paid for hard tokens.
constexpr double kMostHarm = 0.002;
/// Family-wise, one-sided: what a 95% interval leaves above.
constexpr double kEvidenceLevel = 0.025;

/// Of one document with another k in one layer: sums of changes of NLL over its scored tokens, and over its
/// hard ones. Hard in a comparison is a token whose mean NLL of both sides is above the percentile: where the
/// side at hand alone decided, whatever changes would seem to gain, since an extreme loss is in part chance
/// that the other side does not share.
struct DocumentEffect {
  double all = 0, hard = 0;
  int n_hard = 0;
};
/// What was measured on documents that are not held out. A layer whose list is empty cannot have that k.
struct Effects {
  std::vector<int> layers;                              ///< block numbers [L]
  std::vector<int> n_token;                             ///< [document]
  std::vector<std::vector<DocumentEffect>> less, more;  ///< [L][document]
};

/// The documents held out, ascending: half of n, by seed.
std::vector<size_t> held_out_documents(size_t n, uint64_t seed);

/// less, more, n_move, moves (all of them, the surest first), n_document and n_token of an Evidence. The
/// error of a move is the standard deviation of its bootstrap; its bound and its p take Student's t with as
/// many degrees of freedom as documents with hard tokens, less one: with few documents the bootstrap's own
/// tails are too short.
Evidence weigh(const Effects& effects, uint64_t seed);

/// Of moves with support those that can be made together, the largest net first: a layer gives or takes one
/// expert at most, since two were not measured.
std::vector<Evidence::Move> compatible(const std::vector<Evidence::Move>& moves);

/// Mean over the tokens of documents, with an interval by bootstrap over documents. sums, counts: [document].
MeanChange mean_change(const std::vector<double>& sums, const std::vector<int>& counts, uint64_t seed);

/// The evidence in words, for a plan whose budgets are now these.
std::string verdict_of(const Evidence& evidence, const std::vector<int>& layers,
                       const std::vector<int>& budget);

}  // namespace rouse
