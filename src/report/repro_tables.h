/// report/repro_tables.h - what the steps of a reproduction leave as JSON, as Markdown. Files are input: all
/// throw Error (usage) naming what a file lacks.
#pragma once

#include <string>

#include "base/json.h"

namespace rouse {

/// Of report/divergence.h, report/latency.h and report/plan_profile.h.
std::string divergence_table(const JsonValue& divergence);
std::string latency_table(const JsonValue& latency);
std::string profile_table(const JsonValue& profile);
/// A line for each choice of an evaluation's choices.json.
std::string choices_text(const JsonValue& choices);

}  // namespace rouse
