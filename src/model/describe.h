/// model/describe.h - what is in a model file, and what rouse can do with it.
#pragma once

#include <optional>

#include "base/json.h"
#include "model/model_spec.h"

namespace rouse {

/// A file as `rouse inspect --json` prints it, and its spec where rouse's own engine can run it.
struct Description {
  Json json;
  std::optional<ModelSpec> spec;
};
/// Any GGUF file: {"file", "bytes", "arch", "bytes_by_part", "rouse_can", "rouse_cannot", "engine",
/// "supported", ...}, and with a spec its shape, attention, router and the bytes of weights that a token
/// reads.
Description describe(const GgufFile& file);
/// "grouped-query, sinks".
std::string attention_kind(const AttentionSpec& attention);

}  // namespace rouse
