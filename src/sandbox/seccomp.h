/// sandbox/seccomp.h - what a program may ask the kernel for.
#pragma once

namespace rouse {

/// Gives up every capability. Ends the process where that fails.
void drop_capabilities();
/// From here on only the calls that programs and their libraries need are there: files, memory, processes,
/// time, signals, pipes and unconnected pairs of local sockets. All others fail with EPERM; those that the
/// list's kernel does not know, and those that libraries do without, with ENOSYS or ENOTSUP; another
/// instruction set's calls end the process. own_files: modes and times of files may change, as no file of
/// others can be named. False where the kernel has no seccomp.
bool filter_system_calls(bool own_files);

}  // namespace rouse
