/// cli/version.h - what `rouse --version` says: the program, what it was built of, and what it finds here.
#pragma once

#include <string>

#include "base/json.h"

namespace rouse {

/// {"version", "commit", "compiler", "llama_cpp", "ggml", "devices": [{"name", "description"}],
/// "features": [text], "blas", "tls", "model": {"path", "fingerprint"}}; null: there is none.
Json version_json(const std::string& version);
/// The same for people; its first line is "rouse X.Y.Z".
std::string version_text(const Json& about);

}  // namespace rouse
