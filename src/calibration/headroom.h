/// calibration/headroom.h - how much another route could help on a text, before anybody tunes anything.
///
/// For every hard token and MoE layer the last-ranked chosen expert gives way to each unchosen one, at equal
/// compute, as counterfactual rows (probe.h). From these swaps' gains, in nats of the token's NLL:
/// - oracle: every token's best single swap over all layers: an upper bound that has seen the answer;
/// - static: what one bias, added to one expert's gate in one layer for all tokens, keeps on documents that
/// it
///   was not learned on (two halves, each tried with what the other taught). A plan such as Counterfactual
///   Routing's is a set of such biases;
/// - random: any swap, on the average; shuffled: the static bias learned where the experts' names are
/// shuffled
///   for each token, so that nothing can be learned.
/// rouse's methods, section 2.6.
#pragma once

#include <atomic>
#include <functional>
#include <optional>

#include "base/json.h"
#include "calibration/certify.h"
#include "calibration/probe.h"
#include "calibration/strata.h"

namespace rouse {

struct HeadroomOptions {
  int n_scored = 1000;  ///< 0: all
  int n_token = 512;    ///< of a document at most
  StrataOptions strata{.hard = 80, .easy = 20, .nu = 0.01};
  int n_candidate = 0;           ///< of the unchosen experts the best by gate, for each row and layer; 0: all
  std::vector<int> layers = {};  ///< block numbers to measure; empty: all MoE blocks
  uint64_t seed = 1;
  bool naive = false;    ///< by full passes: the same, slower; for the proof
  bool restart = false;  ///< an unfinished state of other settings gives way instead of being refused
};

/// A swap of one hard token in one layer.
struct Swap {
  int expert;   ///< that comes in
  double gain;  ///< NLL without the swap minus NLL with it, nats
  double
      gap;  ///< gate of the expert that goes minus gate of the one that comes: a larger bias makes the swap
};
/// Of one layer: [hard token of all documents, in order].
using LayerSwaps = std::vector<std::vector<Swap>>;

struct LayerHeadroom {
  int layer = 0;
  double oracle = 0;      ///< mean of each token's best swap in this layer (0 where none gains)
  double best_share = 0;  ///< of the tokens whose best swap gains: those that have it here
  double random = 0;      ///< mean of all swaps
};

/// One bias: in `layer`, `expert` comes in for the last-ranked where the gap of their gates is below `bias`.
struct StaticBias {
  int layer = -1, expert = -1;
  double bias = 0, learned = 0;  ///< learned: mean gain where it was learned
};

struct Headroom {
  int n_document = 0, n_scored = 0, n_hard = 0;
  int64_t n_swap = 0;
  MeanChange loss;  ///< NLL of the hard tokens as they are
  MeanChange oracle, fixed, random, shuffled;
  double helped = 0;  ///< share of the hard tokens with a swap that gains 0.1 nats or more
  std::vector<LayerHeadroom> layers;
  std::vector<StaticBias> biases;  ///< learned on the first half, on the second
  std::string verdict;             ///< in words
};

/// The figures of swaps. losses: [hard token]; document: [hard token], ascending. Nothing of it runs a model.
Headroom weigh_headroom(const std::vector<int>& layers, const std::vector<LayerSwaps>& swaps,
                        const std::vector<double>& losses, const std::vector<int>& document, uint64_t seed);

/// state_path: where finished units (a document, a layer) are kept. Nothing when interrupted; running the
/// same again then goes on. Throws Error (usage) for a text with fewer than 20 hard tokens or 4 documents,
/// and naming what differs when the state is of another run.
std::optional<Headroom> measure_headroom(Engine& engine, const std::vector<Document>& documents,
                                         const HeadroomOptions& options, const Json& provenance,
                                         const std::string& state_path,
                                         const std::function<void(double)>& progress,
                                         const std::atomic<bool>* interrupted);

/// {"n_document", ..., "oracle": {"mean", "interval"}, ..., "layers", "verdict"}
Json headroom_json(const Headroom& h);

}  // namespace rouse
