/// advice/advice_text.h - advice for people: as lines of at most 80 columns, and as one page that needs
/// nothing else.
#pragma once

#include <string>

#include "advice/reckoning.h"
#include "base/json.h"

namespace rouse {

/// The field "model" of an advice: what the file is, and what it takes to run it.
std::string advice_model_text(const Json& model);
/// What will be run and how long it will take.
std::string reckoning_text(const Reckoning& r, double budget_seconds);
/// Of what advise() gives: headroom and plan in words, lines of any length; then verdicts with their
/// evidence.
std::string advice_words(const Json& advice);
std::string advice_text(const Json& advice);

}  // namespace rouse
