#include "sandbox/seccomp.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rouse {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArch = 0;
#endif

// Numbers of 424 and above are the same on every instruction set; headers may be older than the kernel.
constexpr uint32_t kPidfdSendSignal = 424, kPidfdOpen = 434, kClone3 = 435, kCloseRange = 436,
                   kFaccessat2 = 439, kEpollPwait2 = 441, kFutexWaitv = 449, kFchmodat2 = 452;
/// Linux 6.12 knows no call above this one: a library must not mistake a newer one for forbidden.
constexpr uint32_t kNewest = 462;

constexpr uint32_t kAllowed[] = {
    // files
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_preadv,
    SYS_pwritev,
    SYS_preadv2,
    SYS_pwritev2,
    SYS_openat,
    SYS_close,
    kCloseRange,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_lseek,
    SYS_faccessat,
    kFaccessat2,
    SYS_getcwd,
    SYS_chdir,
    SYS_fchdir,
    SYS_mkdirat,
    SYS_unlinkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_linkat,
    SYS_symlinkat,
    SYS_readlinkat,
    SYS_truncate,
    SYS_ftruncate,
    SYS_umask,
    SYS_getdents64,
    SYS_fsync,
    SYS_fdatasync,
    SYS_flock,
    SYS_dup,
    SYS_dup3,
    SYS_pipe2,
    SYS_fadvise64,
    SYS_copy_file_range,
    SYS_sendfile,
    // waiting for them
    SYS_ppoll,
    SYS_pselect6,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    kEpollPwait2,
    SYS_eventfd2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_timerfd_gettime,
    SYS_signalfd4,
    // memory
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_msync,
    SYS_mincore,
    SYS_brk,
    // signals
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigpending,
    SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_sigaltstack,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    kPidfdSendSignal,
    kPidfdOpen,
    // time
    SYS_getitimer,
    SYS_setitimer,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_times,
    // processes and threads
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getresuid,
    SYS_getresgid,
    SYS_getgroups,
    SYS_getpgid,
    SYS_getsid,
    SYS_setsid,
    SYS_setpgid,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrusage,
    SYS_getrlimit,
    SYS_setrlimit,
    SYS_getpriority,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_sched_get_priority_max,
    SYS_sched_get_priority_min,
    SYS_sched_rr_get_interval,
    SYS_getcpu,
    SYS_futex,
    kFutexWaitv,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_membarrier,
    SYS_exit,
    SYS_exit_group,
    SYS_wait4,
    SYS_waitid,
    SYS_execve,
    SYS_getrandom,
    SYS_restart_syscall,
    SYS_capget,
    // a pair of sockets
    SYS_recvfrom,
    SYS_shutdown,
    SYS_getsockname,
    SYS_getpeername,
    SYS_getsockopt,
#if defined(__x86_64__)
    SYS_open,
    SYS_creat,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_mkdir,
    SYS_rmdir,
    SYS_unlink,
    SYS_rename,
    SYS_link,
    SYS_symlink,
    SYS_readlink,
    SYS_getdents,
    SYS_dup2,
    SYS_pipe,
    SYS_poll,
    SYS_select,
    SYS_epoll_create,
    SYS_epoll_wait,
    SYS_eventfd,
    SYS_signalfd,
    SYS_pause,
    SYS_alarm,
    SYS_time,
    SYS_getpgrp,
    SYS_fork,
    SYS_vfork,
    SYS_arch_prctl,
#endif
};

/// Where no file of others can be named: Landlock does not watch over these.
constexpr uint32_t kOwnFiles[] = {
    SYS_fchmod, SYS_fchmodat, kFchmodat2, SYS_utimensat,
#if defined(__x86_64__)
    SYS_chmod,  SYS_utime,    SYS_utimes, SYS_futimesat,
#endif
};

/// What libraries try first and do without.
struct Refusal {
  uint32_t call;
  int error;
};
constexpr Refusal kRefused[] = {
    {kClone3, ENOSYS},  // its flags lie in memory, where no filter sees them
    {SYS_fallocate, EOPNOTSUPP}, {SYS_getxattr, ENOTSUP},  {SYS_lgetxattr, ENOTSUP},
    {SYS_fgetxattr, ENOTSUP},    {SYS_listxattr, ENOTSUP}, {SYS_llistxattr, ENOTSUP},
    {SYS_flistxattr, ENOTSUP},   {SYS_setxattr, ENOTSUP},  {SYS_lsetxattr, ENOTSUP},
    {SYS_fsetxattr, ENOTSUP},
};

constexpr uint32_t kFcntl[] = {F_DUPFD, F_GETFD,  F_SETFD,
                               F_GETFL, F_SETFL,  F_GETLK,
                               F_SETLK, F_SETLKW, 36 /* F_OFD_GETLK */,
                               37,      38,       1030 /* F_DUPFD_CLOEXEC */,
                               1032 /* F_GETPIPE_SZ */};
constexpr uint32_t kIoctl[] = {0x5401 /* TCGETS */, FIONBIO,  FIOCLEX, FIONCLEX, FIONREAD,
                               TIOCGWINSZ,          TIOCGPGRP};
constexpr uint32_t kPrctl[] = {PR_SET_NAME,     PR_GET_NAME,     PR_SET_PDEATHSIG,    PR_GET_PDEATHSIG,
                               PR_GET_DUMPABLE, PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP};

/// A filter, line by line; the call's number is loaded.
class Filter {
 public:
  void start() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0);
    end(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    add(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1);  // x32 calls
    end(SECCOMP_RET_KILL_PROCESS);
#endif
  }
  void always(uint32_t call, uint32_t verdict) {
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    end(verdict);
  }
  /// Of one call: allowed where the low half of an argument, under a mask, is one of `values`.
  template <size_t n>
  void where(uint32_t call, int argument, const uint32_t (&values)[n], uint32_t mask = ~0u) {
    Filter inside;
    inside.argument(argument, mask);
    for (const uint32_t value : values) inside.always(value, SECCOMP_RET_ALLOW);
    inside.end(kForbidden);
    only_for(call, inside);
  }
  /// Of one call: forbidden where one argument's bits meet `bits`.
  void without(uint32_t call, int argument, uint32_t bits) {
    Filter inside;
    inside.argument(argument, ~0u);
    inside.add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    inside.end(kForbidden);
    inside.end(SECCOMP_RET_ALLOW);
    only_for(call, inside);
  }
  /// A pair of local stream sockets: they are connected to each other and to nothing else, ever.
  void local_pair() {
    Filter inside;
    inside.argument(0, ~0u);
    inside.add(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0);
    inside.end(kForbidden);
    inside.argument(1, 0xf);
    inside.always(SOCK_STREAM, SECCOMP_RET_ALLOW);
    inside.end(kForbidden);
    only_for(SYS_socketpair, inside);
  }
  /// Sending that names no address.
  void send() {
    Filter inside;
    inside.load(offsetof(seccomp_data, args[4]));
    inside.add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
    inside.load(offsetof(seccomp_data, args[4]) + 4);
    inside.always(0, SECCOMP_RET_ALLOW);
    inside.end(kForbidden);
    only_for(SYS_sendto, inside);
  }
  void finish() {
    add(BPF_JMP | BPF_JGT | BPF_K, kNewest, 0, 1);
    end(SECCOMP_RET_ERRNO | ENOSYS);
    end(kForbidden);
  }
  bool enter() {
    const sock_fprog filter{static_cast<unsigned short>(lines_.size()), lines_.data()};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
  }

 private:
  std::vector<sock_filter> lines_;
  static constexpr uint32_t kForbidden = SECCOMP_RET_ERRNO | EPERM;

  void add(int code, uint32_t k, uint8_t yes = 0, uint8_t no = 0) {
    lines_.push_back({static_cast<uint16_t>(code), yes, no, k});
  }
  void load(size_t offset) {
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
  }
  void end(uint32_t verdict) {
    add(BPF_RET | BPF_K, verdict);
  }
  void argument(int i, uint32_t mask) {  // both instruction sets are little-endian: the low half comes first
    load(offsetof(seccomp_data, args) + sizeof(uint64_t) * static_cast<size_t>(i));
    if (mask != ~0u) add(BPF_ALU | BPF_AND | BPF_K, mask);
  }
  void only_for(uint32_t call, const Filter& inside) {
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, static_cast<uint8_t>(inside.lines_.size()));
    lines_.insert(lines_.end(), inside.lines_.begin(), inside.lines_.end());
  }
};

}  // namespace

void drop_capabilities() {
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) _exit(113);
}

bool filter_system_calls(bool own_files) {
  if (kArch == 0) return false;
  constexpr uint32_t kNamespaces = 0x7E020000u;  // CLONE_NEW*
  constexpr uint32_t kSelf[] = {0}, kFifo[] = {S_IFIFO};
  Filter filter;
  filter.start();
  for (const uint32_t call : kAllowed) filter.always(call, SECCOMP_RET_ALLOW);
  for (const uint32_t call : kOwnFiles)
    if (own_files) filter.always(call, SECCOMP_RET_ALLOW);
  for (const Refusal& r : kRefused) filter.always(r.call, SECCOMP_RET_ERRNO | static_cast<uint32_t>(r.error));
  filter.without(SYS_clone, 0, kNamespaces);
  filter.where(SYS_prlimit64, 0, kSelf);
  filter.where(SYS_fcntl, 1, kFcntl);
  filter.where(SYS_ioctl, 1, kIoctl);
  filter.where(SYS_prctl, 0, kPrctl);
  filter.where(SYS_mknodat, 2, kFifo, S_IFMT);
#if defined(__x86_64__)
  filter.where(SYS_mknod, 1, kFifo, S_IFMT);
#endif
  filter.local_pair();
  filter.send();
  filter.finish();
  return filter.enter();
}

}  // namespace rouse
