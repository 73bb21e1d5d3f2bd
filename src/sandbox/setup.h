/// sandbox/setup.h - what the child of rouse does between fork and exec: it enters its isolation, leaves a
/// supervisor behind, and becomes the program.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sandbox/sandbox.h"

namespace rouse {

/// Whether this process is a root that can become nobody: the kernel counts no processes of the machine's
/// own root. In a user namespace with a single user there is nobody to become.
bool can_leave_root();
constexpr uid_t kNobody = 65534;

struct Start {
  const std::vector<std::string>& argv;
  const std::map<std::string, std::string>& files;
  const SandboxLimits& limits;
  pid_t parent;  ///< rouse
  Isolation isolation;
  std::string folder;    ///< holds the files, where there are no namespaces; else ""
  int out, err, report;  ///< what the program gets as 1, 2 and 3
};
/// Never returns. A step that fails is named on the error stream, the exit code is 113; an
/// exception would go on as a second rouse, so it ends the process.
[[noreturn]] void start_program(const Start& start) noexcept;

}  // namespace rouse
