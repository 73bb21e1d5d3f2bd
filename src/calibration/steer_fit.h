/// calibration/steer_fit.h - which experts fire more in one kind of text than in another (SteerMoE,
/// arXiv:2509.09660, section 3): paired texts that show opposite behaviours, the share of rows that activate
/// an expert in either, and the difference of the two.
#pragma once

#include <atomic>
#include <functional>

#include "routing/steer.h"
#include "session/session.h"

namespace rouse {

/// A text and what came before it; its own rows are counted.
struct SteerText {
  std::vector<int> tokens;
  size_t first = 0;  ///< of its own tokens
};

/// Lines {"text", "prompt" (may be left out)} of a JSON Lines file, at most n_limit of them (0: all). Prompt
/// and text are tokenised apart; BOS and the prompt are not counted. Throws Error naming a line that has no
/// text.
std::vector<SteerText> read_steer_texts(const std::string& path, const Tokenizer& tokenizer, int n_limit);

/// difference[l][e] = (rows of `wanted` that activate e in layer l) / rows - the same of `unwanted`, under
/// the model's own rule. Throws Error (usage) unless there are as many of either, and (interrupted) when
/// stopped.
SteerFile fit_steer(const Session& session, std::span<const SteerText> wanted,
                    std::span<const SteerText> unwanted, const std::function<void(double)>& progress = {},
                    const std::atomic<bool>* stop = nullptr);

/// A published list, one JSON Lines record an expert: {"layer", "expert", "risk_diff"}, other fields beside
/// them (the authors' tables, as pandas writes them with orient="records", lines=True). Experts that it
/// leaves out are never steered.
SteerFile import_steer(const std::string& path, const ModelSpec& spec);

}  // namespace rouse
