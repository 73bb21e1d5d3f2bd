/// calibration/calibrate.h - Counterfactual Routing's offline half (arXiv:2604.14246): from a text to a plan.
///
/// 1. NLL of the scored tokens; hard above one percentile, easy below another (strata.h).
/// 2. R_l: how much more hard tokens than easy ones change when block l is perturbed (intensity.h).
/// 3. CEI_{l,e} = mean change over the hard tokens whose row used e in block l, e ablated for that row there.
/// 4. Evidence: what one expert less and one more in a block change; experts move where it supports it
/// (certify.h). Without it, budgets are in proportion to R, as in the paper.
/// Work is done unit by unit (a document, a block) and every finished unit is appended to a state file, so an
/// interrupted run resumes and gives the same bytes.
#pragma once

#include <atomic>
#include <functional>
#include <optional>

#include "calibration/probe.h"
#include "calibration/strata.h"
#include "routing/plan.h"

namespace rouse {

/// What R is made of: changes of log-odds, or of NLL over all scored tokens as in the paper.
enum class Intensity { log_odds, paper };

struct CalibrateOptions {
  int n_scored = 1000;                                       ///< 0: all
  int n_token = 512;                                         ///< of a document at most
  StrataOptions strata{.hard = 80, .easy = 20, .nu = 0.01};  ///< nu: for log-odds alone
  Intensity intensity = Intensity::log_odds;
  std::optional<bool> shrink;   ///< R towards the layers' mean; left out: for log-odds
  bool certify = true;          ///< experts move by evidence only
  std::vector<int> layers;      ///< block numbers to measure; empty: all MoE blocks
  bool only_intensive = false;  ///< CEI only in blocks whose R is above the mean
  bool restart = false;         ///< an unfinished state of other settings gives way instead of being refused
  ProbeOptions probe;           ///< log_odds follows from intensity; budget: what experts move from

  bool shrinks() const { return shrink.value_or(intensity == Intensity::log_odds); }
};

/// state_path: where finished units are kept. progress: share done. Returns nothing when interrupted; running
/// the same again then goes on. Throws Error (exit 2) naming what differs when the state belongs to another
/// model, text or options, and for a text that is too small: what is refused leaves no state.
std::optional<Plan> calibrate(Engine& engine, std::vector<Document> documents,
                              const CalibrateOptions& options, const nlohmann::ordered_json& provenance,
                              const std::string& state_path, const std::function<void(double)>& progress,
                              const std::atomic<bool>* interrupted);

}  // namespace rouse
