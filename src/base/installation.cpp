#include "base/installation.h"

#include <dlfcn.h>

#include <filesystem>

namespace rouse {

namespace fs = std::filesystem;

std::string installed_file(const std::vector<std::string_view>& paths) {
  std::error_code ignored;
  std::vector<fs::path> homes{fs::read_symlink("/proc/self/exe", ignored)};
  Dl_info self;  // librouse, where it is that which runs
  if (dladdr(reinterpret_cast<void*>(&installed_file), &self) && self.dli_fname)
    homes.push_back(fs::absolute(self.dli_fname, ignored));
  for (const fs::path& home : homes)
    for (fs::path folder = home.parent_path(); const int level : {0, 1, 2}) {
      (void)level;
      for (const std::string_view path : paths)
        if (!home.empty() && fs::exists(folder / path, ignored)) return (folder / path).string();
      folder = folder.parent_path();
    }
  return "";
}

}  // namespace rouse
