/// sandbox/sandbox.h - runs model-written programs so that they can harm nothing: layers of the kernel's own
/// isolation, probed before the first program and refused where they cannot be had.
///
/// Every program gets no_new_privs, no capabilities, a seccomp filter without sockets, ptrace, mounts and
/// namespaces; limits on memory, processor time, files and processes; an empty environment; caps on
/// wall-clock time and output. Beside that, the better of two that the machine allows: user, mount, process,
/// network and IPC namespaces of its own with a root that holds only the system's read-only libraries and a
/// throw-away folder in memory; or Landlock rules that let it write in a throw-away folder alone, read the
/// system's libraries alone and signal nobody outside. When it ends, or its time does, every process it began
/// ends with it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rouse {

struct SandboxLimits {
  double seconds = 5;  ///< wall clock; processor time is a second more
  uint64_t memory_bytes = 1u << 30;
  uint64_t folder_bytes = 64u << 20;
  size_t output_bytes = 64u << 10;  ///< of each stream
  int n_process = 16;
};

struct SandboxResult {
  int exit_code = -1;  ///< -1: ended by a signal
  int signal = 0;
  bool timed_out = false, too_much_output = false;
  std::string out, err, verdict;  ///< verdict: what was written to file descriptor 3
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
  /// "namespaces, seccomp, ...", or "none but limits (--unsafe-exec)": for results.
  const std::string& level() const { return level_; }
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
