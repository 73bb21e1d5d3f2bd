/// sandbox/seccomp.h - what a program may no longer ask the kernel for.
#pragma once

namespace rouse {

/// Gives up every capability. Ends the process where that fails.
void drop_capabilities();
/// From here on sockets, ptrace, mounts, namespaces, keys, kernel modules, BPF, io_uring, shared memory,
/// changing modes, owners and times of files, and other processes' memory, limits and priorities fail with
/// EPERM; another instruction set's calls end the process. False where the kernel has no seccomp.
bool filter_system_calls();

}  // namespace rouse
