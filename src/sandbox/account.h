/// sandbox/account.h - what all processes of a program use together, read from outside of the sandbox.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "sandbox/sandbox.h"

namespace rouse {

/// The processes below `root`, without it.
std::vector<pid_t> descendants(pid_t root);
/// The same from every process's parent: for kernels that do not list children.
std::vector<pid_t> descendants_by_parents(pid_t root);

/// Looks now and then at what the processes below one use, and says which limit that is over.
class Account {
 public:
  /// folder: on a disk, to be watched; "" for one that bounds itself.
  Account(pid_t root, const SandboxLimits& limits, std::string folder)
      : root_(root), limits_(limits), folder_(std::move(folder)) {}
  /// Looks every 20 ms, and no oftener than a tenth of a processor allows.
  Limit over();

 private:
  pid_t root_;
  const SandboxLimits& limits_;
  std::string folder_;
  double next_ = 0;

  Limit look();
};

}  // namespace rouse
