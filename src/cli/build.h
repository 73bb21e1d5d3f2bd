/// cli/build.h - what only the build knows; cmake/write_build.cmake writes the source.
#pragma once

namespace rouse {

extern const char* const kBuildCommit;  ///< as `git describe` has it, or "unknown"
extern const char* const kBuildLlama;   ///< which llama.cpp was linked

}  // namespace rouse
