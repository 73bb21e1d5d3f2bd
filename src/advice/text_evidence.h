/// advice/text_evidence.h - the part of a trial that needs text: headroom, a plan, every routing on documents
/// that nothing was learned from, and what a token of each takes. Each step leaves a file in the trial's
/// folder.
#pragma once

#include <map>

#include "advice/advise.h"
#include "advice/verdict.h"

namespace rouse {

/// What a trial is run on.
struct TextEvidenceInput {
  const Session& session;
  const std::vector<Document>&learn, &judge;
  const Reckoning& reckoning;
  std::vector<std::string> routings;  ///< tried beside the plan and SCMoE
  std::string folder, identity;       ///< identity: of the trial, kept with what is unfinished
  int n_token = 128;
  uint64_t seed = 1;
};

struct TextEvidence {
  Json json = Json::object();    ///< "headroom", "plan", "scmoe_on_text", as far as they were run
  Json speeds = Json::object();  ///< by method: {"step_ratio", "step_ratio_interval"}
  bool planned = false;          ///< there is a plan
  std::vector<Measured> measured;
  std::map<std::string, double> evaluations;  ///< by method: expert evaluations, over those of greedy
};

/// Values of SCMoE's beta that are tried on the documents learned from.
inline constexpr double kTriedBetas[] = {0.1, 0.3, 0.5};
constexpr int kSpeedPrompt = 48;  ///< tokens
/// The beginning of a document, to time answers with.
std::vector<int> speed_prompt(const std::vector<Document>& documents);
/// "plan:FOLDER/plan.cor.json", as a variant.
std::string plan_variant(const std::string& folder);

/// Nothing when stopped; the same call goes on.
std::optional<TextEvidence> gather_text_evidence(const TextEvidenceInput& input, const AdviseEvents& events);

}  // namespace rouse
