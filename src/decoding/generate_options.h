/// decoding/generate_options.h - how a text is generated, beside its method, and why it ends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "decoding/options.h"
#include "decoding/sampler.h"

namespace rouse {

struct GenerateOptions {
  int n_predict = 512;      ///< tokens at most
  bool ignore_eos = false;  ///< the end token is never chosen
  /// (token, what is added to its score); kBanned or less: it is never chosen.
  std::vector<std::pair<int, float>> logit_bias;
  std::vector<std::string> stop;  ///< what ends the answer and is not part of it; see StopStrings
  /// Where the text so far is whole although no stop came; npos: not yet.
  size_t (*end)(const std::string& text) = nullptr;
  std::string grammar;  ///< GBNF that the text must follow; empty: none
  SamplingOptions sampling;
  bool routing = false;  ///< keep which experts every row used; see Generation::routed
  /// Begins with the cells of an earlier text that begins alike under the same routing, and leaves its own
  /// for later ones. Rows that are not run have no routing, so it has no effect with `routing`.
  bool reuse = false;
  int n_top = -1;  ///< keep how likely every token was, and this many of the likeliest; -1: none of it
  /// The text is reasoning and an answer, which begins within the reasoning that this opens, or with neither
  /// ("", see reasoning.h). Nothing: it is not split.
  std::optional<std::string> reasoning;
  std::vector<int> follow;  ///< goes along these tokens whatever it would choose; see Generation::choices
};

constexpr float kBanned = -100;

/// Throws Error (exit 2) when the method and what is done with its scores do not go together.
void check_options(const MethodOptions& method, const GenerateOptions& options);

enum class StopReason { none, eos, length, stop_string, context, grammar, cancelled, failed };
const char* stop_reason_text(StopReason reason);

}  // namespace rouse
