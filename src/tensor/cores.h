/// tensor/cores.h - how much of the machine this process may use.
#pragma once

#include <string>

namespace rouse {

/// The cores of the process's affinity mask, or as many as its control groups' CPU quota pays for in whole
/// ones where those are fewer; at least 1.
int usable_cores();
/// Whole CPUs of the smallest quota among the control groups (version 1 or 2) that the process is in; 0
/// without a quota. `root`: what stands before /proc and /sys.
int quota_cores(const std::string& root = "");

}  // namespace rouse
