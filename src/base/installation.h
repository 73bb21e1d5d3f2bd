/// base/installation.h - files that come with rouse, found from where it runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rouse {

/// The first of `paths` that exists, each relative to the folders that could hold it: that of the library
/// which this code is in, that of the running program, and the two above each; never the current one. Empty:
/// none does.
std::string installed_file(const std::vector<std::string_view>& paths);

}  // namespace rouse
