/// sandbox/landlock.h - the kernel's per-process access rules (Landlock), for machines that give no user
/// namespaces.
#pragma once

#include <string>

namespace rouse {

/// Files may be written below `folder` alone and read below the system's programs and libraries; no TCP
/// ports; no signals and no abstract sockets to processes outside this domain. Needs no_new_privs and the
/// sixth version of Landlock (Linux 6.12). False, with errno, where that cannot be had.
bool restrict_access(const std::string& folder);
/// A domain within that one: from here on signals reach only what begins later. False, with errno.
bool restrict_signals();

}  // namespace rouse
