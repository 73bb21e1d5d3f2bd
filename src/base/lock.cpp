#include "base/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

/// The process that wrote its number into the file, as far as it did.
static std::string holder_of(int file) {
  char text[24];
  const ssize_t n = pread(file, text, sizeof text, 0);
  const auto pid = parse_int(trim(std::string_view(text, static_cast<size_t>(std::max<ssize_t>(n, 0)))));
  return pid ? cat(" (process ", *pid, ")") : "";
}

Lock::Lock(const std::string& target, const char* advice)
    : path_(std::filesystem::is_directory(target) ? target + "/.lock" : target + ".lock") {
  while (!open(target, advice)) {
  }
  const std::string pid = cat(getpid(), "\n");
  if (ftruncate(file_, 0) != 0 || pwrite(file_, pid.data(), pid.size(), 0) < 0)
    return;  // it holds all the same
}

/// False when the file was removed by its last holder after we had opened it.
bool Lock::open(const std::string& target, const char* advice) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  require_usage(file_ >= 0, target, ": cannot write here (", path_, ": ", std::strerror(errno), ")");
  if (flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    const std::string holder = holder_of(file_);
    ::close(file_);
    throw Error(cat(target, ": another rouse", holder, " is at work here; ", advice), ErrorKind::usage);
  }
  struct stat held {
  }, there{};
  if (fstat(file_, &held) == 0 && stat(path_.c_str(), &there) == 0 && held.st_ino == there.st_ino &&
      held.st_dev == there.st_dev)
    return true;
  ::close(file_);
  return false;
}

Lock::~Lock() {
  unlink(path_.c_str());  // before the lock goes: whoever has the file open sees that it is no longer there
  ::close(file_);
}

}  // namespace rouse
