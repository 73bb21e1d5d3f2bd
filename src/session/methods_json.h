/// session/methods_json.h - what there is to choose from, as JSON: for `rouse methods --json` and the server.
#pragma once

#include "base/json.h"

namespace rouse {

/// {"methods": [{"name", "help"}], "policies": [{"usage", "help"}], "request": SCHEMA}.
Json methods_json();

}  // namespace rouse
