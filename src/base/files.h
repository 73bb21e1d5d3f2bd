/// base/files.h - files that a crash must not spoil.
#pragma once

#include <string>
#include <vector>

namespace rouse {

/// Writes the file whole or not at all: beside it first, then renamed. Throws Error.
void write_whole(const std::string& path, const std::string& text);

/// Throws Error (exit 2) where `output` is one of the files that are read, by whatever name: writing it would
/// lose that one. Empty paths count for nothing.
void require_no_input(const std::string& output, const std::vector<std::string>& inputs);

}  // namespace rouse
