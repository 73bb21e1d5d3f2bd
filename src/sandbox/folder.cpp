#include "sandbox/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <set>
#include <vector>

#include "base/error.h"
#include "sandbox/setup.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "rouse-sandbox-";

/// A folder inside another, opened without following links, even where the program took its own rights away.
int open_folder(int at, const char* name) {
  constexpr int kFlags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  struct stat info {};
  const int path = openat(at, name, O_PATH | kFlags);
  if (path < 0) return -1;
  // By way of /proc: a change of mode by name would follow a link.
  if (fstat(path, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 0700) != 0700)
    (void)chmod(cat("/proc/self/fd/", path).c_str(), 0700);
  const int fd = openat(path, ".", O_RDONLY | kFlags);
  close(path);
  return fd;
}

/// Calls use(name) for what lies in a folder; the descriptor stays open.
template <class Use>
void for_each_entry(int fd, const Use& use) {
  const int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = copy < 0 ? nullptr : fdopendir(copy);
  if (!folder) {
    if (copy >= 0) close(copy);
    return;
  }
  while (const dirent* entry = readdir(folder))
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) use(entry->d_name);
  closedir(folder);
}

/// Takes away what lies in a folder. Folders that are not empty move up to the top one, so that no more than
/// three are open at a time, however deep they were.
void empty_folder(int top) {
  uint64_t moved = 0;
  for (bool found = true; found;) {
    found = false;
    for_each_entry(top, [&](const char* name) {
      if (unlinkat(top, name, 0) == 0 || unlinkat(top, name, AT_REMOVEDIR) == 0) return;
      const int folder = open_folder(top, name);
      if (folder < 0) return;
      for_each_entry(folder, [&](const char* inner) {
        if (unlinkat(folder, inner, 0) == 0 || unlinkat(folder, inner, AT_REMOVEDIR) == 0) return;
        const int writable = open_folder(folder, inner);  // a folder that moves must be writable itself
        if (writable >= 0) close(writable);
        int error;
        do error = renameat(folder, inner, top, cat("moved-", moved++).c_str()) == 0 ? 0 : errno;
        while (error == EEXIST || error == ENOTEMPTY || error == ENOTDIR);  // the program's own name
        found = found || error == 0;
      });
      close(folder);
      (void)unlinkat(top, name, AT_REMOVEDIR);
    });
  }
}

}  // namespace

ThrowAwayFolder::ThrowAwayFolder() {
  path_ = (fs::canonical(fs::temp_directory_path()) / kPrefix).string() + "XXXXXX";
  require(mkdtemp(path_.data()) != nullptr, "cannot make a folder for the sandbox: ", std::strerror(errno));
  fd_ = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) == 0 &&
      (!can_leave_root() || fchown(fd_, kNobody, kNobody) == 0))
    return;
  const int why = errno;
  if (fd_ >= 0) close(fd_);
  rmdir(path_.c_str());
  throw Error(cat("cannot make a folder for the sandbox: ", std::strerror(why)));
}

ThrowAwayFolder::~ThrowAwayFolder() {
  (void)fchmod(fd_, 0700);
  empty_folder(fd_);
  rmdir(path_.c_str());
  close(fd_);
}

void remove_left_folders() {
  std::error_code ignored;
  const fs::path temporary = fs::temp_directory_path(ignored);
  const uid_t owner = can_leave_root() ? kNobody : geteuid();
  std::vector<fs::path> left;
  for (fs::directory_iterator it(temporary, ignored), end; it != end; it.increment(ignored))
    if (it->path().filename().string().rfind(kPrefix, 0) == 0) left.push_back(it->path());
  for (const fs::path& path : left) {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info {};
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == owner && std::time(nullptr) - info.st_mtime > 60 &&
        flock(fd, LOCK_EX | LOCK_NB) == 0) {
      empty_folder(fd);
      rmdir(path.c_str());
    }
    if (fd >= 0) close(fd);
  }
}

FolderUse folder_use(const std::string& path) {
  FolderUse use;
  std::set<uint64_t> counted;  // inodes: a file may have many names
  int n_entry = 0;
  // Explicit, so that depth costs descriptors and not stack; names of a level are read before it is entered.
  struct Level {
    int fd;
    std::vector<std::string> folders;
  };
  std::vector<Level> levels;
  const auto enter = [&](int fd) {
    if (fd < 0) return;  // it went away
    levels.push_back({fd, {}});
    for_each_entry(fd, [&](const char* name) {
      struct stat info {};
      if (++n_entry > kMostFiles || fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;
      if (S_ISDIR(info.st_mode)) levels.back().folders.push_back(name);
      if (S_ISREG(info.st_mode) && !counted.insert(info.st_ino).second) return;
      use.bytes += static_cast<uint64_t>(info.st_blocks) * 512;
    });
  };
  enter(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  while (!levels.empty()) {
    use.bounded = use.bounded && n_entry <= kMostFiles && levels.size() <= kMostDepth;
    if (levels.back().folders.empty() || !use.bounded) {
      close(levels.back().fd);
      levels.pop_back();
      continue;
    }
    const std::string name = levels.back().folders.back();
    levels.back().folders.pop_back();
    const int fd = open_folder(levels.back().fd, name.c_str());
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) use.bounded = false;
    enter(fd);
  }
  return use;
}

}  // namespace rouse
