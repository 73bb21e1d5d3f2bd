#include "sandbox/landlock.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace rouse {
namespace {

// Of linux/landlock.h; Debian 12's copy is older than the kernels that have all of it.
struct RulesetAttr {
  uint64_t access_fs, access_net, scoped;
};
struct __attribute__((packed)) PathAttr {
  uint64_t access;
  int32_t folder;
};
constexpr long kCreate = 444, kAdd = 445, kRestrict = 446;
constexpr uint64_t kExecute = 1, kWriteFile = 2, kReadFile = 4, kReadFolder = 8, kTruncate = 1 << 14,
                   kEverything = (1 << 16) - 1;
constexpr uint64_t kBindTcp = 1, kConnectTcp = 2, kAbstractSockets = 1, kSignals = 2;
constexpr int kLeastVersion = 6;

bool allow(int ruleset, const char* path, uint64_t access) {
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;  // not every machine has a /lib64
  const PathAttr rule{access, fd};
  const bool ok = syscall(kAdd, ruleset, 1, &rule, 0) == 0;
  close(fd);
  return ok;
}

bool enter(int ruleset) {
  const bool ok = syscall(kRestrict, ruleset, 0) == 0;
  close(ruleset);
  return ok;
}

}  // namespace

bool restrict_access(const std::string& folder) {
  if (syscall(kCreate, nullptr, 0, 1) < kLeastVersion) {
    errno = ENOSYS;
    return false;
  }
  const RulesetAttr all{kEverything, kBindTcp | kConnectTcp, kAbstractSockets | kSignals};
  const int ruleset = static_cast<int>(syscall(kCreate, &all, sizeof all, 0));
  if (ruleset < 0) return false;
  bool ok = allow(ruleset, folder.c_str(), kEverything & ~kExecute);
  for (const char* path : {"/usr", "/lib", "/lib64", "/bin"})
    ok = ok && allow(ruleset, path, kExecute | kReadFile | kReadFolder);
  for (const char* path : {"/dev/null", "/dev/zero"})
    ok = ok && allow(ruleset, path, kReadFile | kWriteFile | kTruncate);
  for (const char* path :
       {"/dev/urandom", "/etc/mime.types"})  // the second is no secret, and mimetypes needs it
    ok = ok && allow(ruleset, path, kReadFile);
  return enter(ruleset) && ok;
}

bool restrict_signals() {
  const RulesetAttr signals{0, 0, kAbstractSockets | kSignals};
  const int ruleset = static_cast<int>(syscall(kCreate, &signals, sizeof signals, 0));
  return ruleset >= 0 && enter(ruleset);
}

}  // namespace rouse
