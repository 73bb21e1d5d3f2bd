/// advice/text_trial.h - documents under one routing or method after the other, token by token, each finished
/// group of documents kept.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "advice/verdict.h"
#include "calibration/corpus.h"
#include "calibration/strata.h"
#include "calibration/units.h"
#include "session/session.h"

namespace rouse {

/// A document's scored tokens under a method.
struct DocumentScore {
  std::vector<double> loss;  ///< nats, by the method's own distribution
  int n_hit = 0;             ///< tokens that the method finds the likeliest
};
struct TextScore {
  std::vector<DocumentScore> documents;
  int64_t expert_evaluations = 0;  ///< of all streams
  int64_t n_hit() const;
  /// The loss above which a token is hard: the 80th percentile of those that the model is not sure of.
  double hard_above() const;
};
/// Percentiles of hard tokens, here and in what is learned.
constexpr StrataOptions kHardTokens{.hard = 80, .easy = 20, .nu = 0.01};

/// Of a routing: the change of NLL over the tokens whose mean loss of both sides is above that; where one
/// side alone decided, chance would look like a change.
Measured change_of_loss(const TextScore& base, const TextScore& other, double above, uint64_t seed);
/// Of any method: that of the share of tokens that it finds the likeliest.
Measured change_of_hits(const TextScore& base, const TextScore& other, uint64_t seed);

class TextTrial {
 public:
  /// All must outlive it; every position behind a document's prompt is scored.
  TextTrial(const Session& session, std::span<const Document> documents, Units& units);
  /// `part` tells documents apart in the units' names. Nothing when interrupted.
  std::optional<TextScore> score(const std::string& variant, const std::string& part);
  static constexpr size_t kGroup = 4;  ///< documents that run together

 private:
  const Session& session_;
  std::span<const Document> documents_;
  Units& units_;
};

}  // namespace rouse
