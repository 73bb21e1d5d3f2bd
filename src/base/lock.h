/// base/lock.h - one process at a time in a folder or at a file.
#pragma once

#include <string>

namespace rouse {

/// Held until the object or the process goes, by flock on DIR/.lock or FILE.lock, which is removed with it;
/// on a file system without locks it holds nothing back.
class Lock {
 public:
  /// Throws Error (exit 2) naming the process that holds it and what to do then, or why the lock cannot be
  /// made.
  explicit Lock(const std::string& target, const char* advice = "wait for it, or choose another -o");
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  bool open(const std::string& target, const char* advice);

  std::string path_;
  int file_ = -1;
};

}  // namespace rouse
