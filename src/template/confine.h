/// template/confine.h - from here on the process can compute, ask for memory, answer and end; nothing else.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace rouse::template_program {

/// Any other system call ends the process (SIGSYS). Kernels without seccomp leave it as it is, with its
/// limits.
inline void confine() {
#if defined(__x86_64__)
  constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
  constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#else
  constexpr uint32_t kArch = 0;
#endif
  constexpr uint32_t kAllowed[] = {
      SYS_write,         SYS_brk,       SYS_mmap,         SYS_munmap,         SYS_mremap,
      SYS_mprotect,      SYS_madvise,   SYS_futex,        SYS_exit,           SYS_exit_group,
      SYS_clock_gettime, SYS_getrandom, SYS_rt_sigreturn, SYS_restart_syscall};
  if (kArch == 0) return;
  const auto load = [](size_t offset) {
    return sock_filter(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
  };
  const auto give = [](uint32_t verdict) { return sock_filter(BPF_STMT(BPF_RET | BPF_K, verdict)); };
  std::vector<sock_filter> filter = {load(offsetof(seccomp_data, arch)),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0),
                                     give(SECCOMP_RET_KILL_PROCESS), load(offsetof(seccomp_data, nr))};
  for (const uint32_t call : kAllowed) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    filter.push_back(give(SECCOMP_RET_ALLOW));
  }
  filter.push_back(give(SECCOMP_RET_KILL_PROCESS));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

}  // namespace rouse::template_program
