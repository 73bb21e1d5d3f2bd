#include "base/installation.h"

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace rouse {

namespace fs = std::filesystem;

/// The file that holds this code: librouse, or the program itself. From the kernel, since what the loader
/// knows may be relative to a folder that was current once.
static fs::path own_file() {
  std::ifstream maps("/proc/self/maps");
  const auto here = reinterpret_cast<uintptr_t>(&own_file);
  for (std::string line; std::getline(maps, line);) {
    uintptr_t low = 0, high = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR, &low, &high) != 2 || here < low || here >= high)
      continue;
    const size_t path = line.find('/');
    return path == std::string::npos ? fs::path() : fs::path(line.substr(path));
  }
  return {};
}

std::string installed_file(const std::vector<std::string_view>& paths) {
  std::error_code ignored;
  for (const fs::path& home : {own_file(), fs::read_symlink("/proc/self/exe", ignored)}) {
    if (!home.is_absolute()) continue;
    fs::path folder = home.parent_path();
    for (int up = 0; up < 3; ++up, folder = folder.parent_path())
      for (const std::string_view path : paths)
        if (fs::exists(folder / path, ignored)) return (folder / path).string();
  }
  return "";
}

}  // namespace rouse
