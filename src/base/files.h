/// base/files.h - files that a crash must not spoil.
#pragma once

#include <string>
#include <vector>

namespace rouse {

/// Writes the file whole or not at all: beside it first, then renamed. Throws Error.
void write_whole(const std::string& path, const std::string& text);

/// The whole lines of a log that is appended and flushed a line at a time; none when there is no file. A last
/// line that was cut off is removed from the file, so that appending can go on.
std::vector<std::string> resume_lines(const std::string& path);

}  // namespace rouse
