/// session/result.h - what came of a text, as every door gives it out.
#pragma once

#include "base/json.h"
#include "decoding/generation.h"

namespace rouse {

Json cost_json(const Cost& cost);
Json timings_json(const Generation& g);
/// What `run --json` prints.
Json generation_json(const Generation& g, const MethodOptions& method, const RouterSpec& router);

}  // namespace rouse
