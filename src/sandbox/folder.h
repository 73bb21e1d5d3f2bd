/// sandbox/folder.h - the throw-away folder of a program that has no root of its own, and what lies in it.
#pragma once

#include <cstdint>
#include <string>

namespace rouse {

/// Made with the first use, gone with this object, whatever the program made of it: in time and memory that
/// do not depend on how deep it nested. Of a rouse that was killed: the next one takes it away.
class ThrowAwayFolder {
 public:
  ThrowAwayFolder();
  ~ThrowAwayFolder();
  ThrowAwayFolder(const ThrowAwayFolder&) = delete;
  ThrowAwayFolder& operator=(const ThrowAwayFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_ = -1;  ///< locked while this object lives
};

/// Takes away the folders that others left behind: of this user, a minute old, not locked.
void remove_left_folders();

struct FolderUse {
  uint64_t bytes = 0;
  bool bounded = true;  ///< false: more than kMostFiles, deeper than kMostDepth, or not to be read
};
constexpr int kMostFiles = 20000, kMostDepth = 100;
FolderUse folder_use(const std::string& path);

}  // namespace rouse
