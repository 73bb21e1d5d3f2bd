/// sandbox/sandbox.h - runs model-written programs so that they can harm nothing: layers of the kernel's own
/// isolation, probed before the first program and refused where they cannot be had.
///
/// Every program gets no_new_privs, no capabilities, a seccomp list of the calls that programs need; limits
/// on wall clock, memory and disk of all its processes together, and on their number; an empty environment.
/// Beside that, the better of two that the machine allows: user, mount, process, network and IPC namespaces
/// of its own with a root that holds only the system's read-only libraries and throw-away folders in memory;
/// or Landlock rules that let it write in a throw-away folder alone, read the system's libraries alone and
/// signal nobody outside. The clock is kept by this process, which no program can signal. When a program
/// ends, or its time does, every process it began ends with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rouse {

struct SandboxLimits {
  double seconds = 5;                ///< wall clock
  uint64_t memory_bytes = 1u << 30;  ///< of all processes together
  uint64_t folder_bytes = 64u << 20;
  size_t output_bytes = 64u << 10;  ///< of each stream, kept; what comes after is read and dropped
  int n_process = 64;               ///< and threads
};

enum class Limit { none, time, memory, disk, processes };
/// "time limit of 5 s".
std::string limit_text(Limit limit, const SandboxLimits& limits);

/// A message on file descriptor 3, with the process that sent it: the kernel says which.
struct Report {
  pid_t sender = 0;
  std::string text;  ///< at most kReportBytes
};
constexpr size_t kReportBytes = 1024, kMostReports = 8;

struct SandboxResult {
  int exit_code = -1;  ///< 128 + the signal that ended it
  Limit limit = Limit::none;
  std::string out, err;
  std::vector<Report> reports;  ///< the first kMostReports
  double seconds = 0;
};

enum class Isolation { namespaces, landlock, none };

class Sandbox {
 public:
  /// Probes what this machine allows, best first. Throws Error (exit 5) when neither can be had, naming what
  /// failed, unless `unsafe`: then programs run with limits alone.
  Sandbox(const SandboxLimits& limits, bool unsafe);
  /// One kind of isolation or none at all: throws Error (exit 5) when it cannot be had.
  Sandbox(const SandboxLimits& limits, Isolation isolation);
  /// "namespaces, seccomp, ...", or "none but limits (unsafe)": for results.
  const std::string& level() const { return level_; }
  const SandboxLimits& limits() const { return limits_; }
  /// Runs argv[0] (an absolute path) in a folder that holds `files`.
  SandboxResult run(const std::vector<std::string>& argv,
                    const std::map<std::string, std::string>& files) const;

 private:
  SandboxLimits limits_;
  Isolation isolation_;
  std::string level_;

  std::string probe() const;  ///< why this isolation cannot be had; "" when it can
};

}  // namespace rouse
