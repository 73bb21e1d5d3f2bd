/// routing/steer.h - experts that fire more in one kind of text than in another, and a router pushed towards
/// them (SteerMoE, arXiv:2509.09660).
///
/// A file of `rouse steer fit` holds for every expert the difference of its activation rates. The n experts
/// with the largest |difference| are steered: those that fire more in the texts steered for get the row's
/// largest logit + 0.01, at most k of a block, the others its smallest - 0.01, before the gates are computed,
/// so that weights follow, as in the authors' code. Strength s in [-1, 1] goes that share of the way,
/// r = (1 - |s|) r + |s| target, below 0 in the other direction.
/// This can undo what a model was trained to refuse: see docs/methods.md.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "routing/router_spec.h"

namespace rouse {

class RoutingFiles;

/// One JSON file; input too, hence checked number by number. Arrays count MoE layers in order (L of them).
struct SteerFile {
  std::string fingerprint, arch;  ///< of the model that was read
  int n_layer = 0, n_expert = 0, k = 0;
  nlohmann::ordered_json options = nlohmann::ordered_json::object();  ///< how it was made
  std::vector<int> layers;                                            ///< block numbers
  std::vector<std::vector<double>> difference;  ///< [L][E]: rate in the texts for minus in those against; NaN
                                                ///< (null in the file): not known, never steered
  int64_t n_for = 0, n_against = 0;             ///< rows that were counted; 0: not known

  static SteerFile empty(const RouterSpec& router, const std::string& arch, int n_layer);
};

/// Throws Error (exit 3) naming the file, the field, what was found and what was wanted.
SteerFile read_steer(const std::string& path);
/// The same from text; `name` opens error messages.
SteerFile parse_steer(const std::string& text, const std::string& name);
std::string steer_text(const SteerFile& file);
/// Writes the file whole or not at all.
void save_steer(const SteerFile& file, const std::string& path);

struct SteeredExpert {
  int layer, expert;  ///< block number
  double difference;
};
/// The n experts with the largest |difference| other than 0, largest first, ties to the lower block and
/// expert; of those with a positive one at most k of a block.
std::vector<SteeredExpert> steered_experts(const SteerFile& file, int n);

/// "+steer:FILE,n=N,strength=S" of a policy, bound to a model.
class Steering {
 public:
  /// text: what follows the colon. Throws Error (exit 2 or 3).
  Steering(const std::string& text, const RouterSpec& router, const RoutingFiles& files);
  /// "FILE,n=10,strength=1"
  std::string text() const;
  uint64_t content_hash() const;
  /// Changes the logits [n_expert] of one row; -inf stays.
  void apply(int layer, std::span<float> logits) const;

 private:
  std::string path_;  ///< or name
  int n_ = 10;
  double strength_ = 1;
  bool any_quant_ = false;
  std::shared_ptr<const SteerFile> file_;
  std::vector<std::vector<std::pair<int, bool>>> pushed_;  ///< [MoE layer]: (expert, upwards)
};

}  // namespace rouse
