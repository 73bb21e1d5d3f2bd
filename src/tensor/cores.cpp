#include "tensor/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

namespace rouse {

namespace fs = std::filesystem;

/// The CPUs of one group; infinite without a quota, or where there is no such file.
static double quota_of(const fs::path& group) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  double quota = 0, period = 0;
  if (std::ifstream(group / "cpu.max") >> quota >> period) return period > 0 ? quota / period : kNone;
  std::ifstream(group / "cpu.cfs_quota_us") >> quota;
  std::ifstream(group / "cpu.cfs_period_us") >> period;
  return quota > 0 && period > 0 ? quota / period : kNone;
}

int quota_cores(const std::string& root) {
  double least = std::numeric_limits<double>::infinity();
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:/path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
    const fs::path mount = fs::path(root + "/sys/fs/cgroup") / controllers;
    fs::path path = fs::path(line.substr(second + 1)).relative_path();
    for (; !path.empty(); path = path.parent_path()) least = std::min(least, quota_of(mount / path));
    least = std::min(least, quota_of(mount));  // which is all that a container sees of it
  }
  return std::isfinite(least) ? std::max(1, static_cast<int>(std::min(least, 1e6))) : 0;
}

int usable_cores() {
  int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  const int quota = quota_cores();
  return quota > 0 ? std::min(quota, cores) : cores;
}

}  // namespace rouse
