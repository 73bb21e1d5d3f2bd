#include "sandbox/setup.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

constexpr int kSetupFailed = 113;
[[noreturn]] void fail(const char* what) {
  dprintf(2, "sandbox: %s: %s\n", what, std::strerror(errno));
  _exit(kSetupFailed);
}
void check(bool ok, const char* what) {
  if (!ok) fail(what);
}

void write_file(const std::string& path, const std::string& text, int flags = O_WRONLY) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  check(fd >= 0, path.c_str());
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    check(n > 0, path.c_str());
    done += static_cast<size_t>(n);
  }
  close(fd);
}

/// Where the user's own limit is lower, that one stays.
void limit(int resource, uint64_t value, const char* what) {
  const auto id = static_cast<__rlimit_resource>(resource);
  rlimit l{};
  check(getrlimit(id, &l) == 0, what);
  l.rlim_cur = l.rlim_max = std::min<rlim_t>(value, l.rlim_max);
  check(setrlimit(id, &l) == 0, what);
}

/// others: processes that the same user has already, which the kernel counts too.
void set_limits(const SandboxLimits& l, int others) {
  // Wall clock is the limit; this one ends a program whose keeper is stopped.
  limit(RLIMIT_CPU, static_cast<uint64_t>(l.seconds + 1) * 16, "processor limit");
  limit(RLIMIT_FSIZE, l.folder_bytes, "file size limit");
  limit(RLIMIT_NOFILE, 64, "file limit");
  limit(RLIMIT_CORE, 0, "core limit");
  limit(RLIMIT_NPROC, static_cast<uint64_t>(l.n_process + others), "process limit");
}

void mount_or_fail(const char* source, const std::string& target, const char* type, unsigned long flags,
                   const char* options = nullptr) {
  check(mount(source, target.c_str(), type, flags, options) == 0, target.c_str());
}

void make_folder(const std::string& path, mode_t mode = 0755) {
  check(mkdir(path.c_str(), mode) == 0 && chmod(path.c_str(), mode) == 0, path.c_str());
}

/// A folder of the machine, read-only, at the same place of the new root.
void bind_read_only(const std::string& root, const char* path) {
  struct stat info {};
  if (lstat(path, &info) != 0) return;
  const std::string target = root + path;
  if (S_ISLNK(info.st_mode)) {  // /lib -> usr/lib
    char to[PATH_MAX];
    const ssize_t n = readlink(path, to, sizeof to - 1);
    check(n > 0, path);
    to[n] = 0;
    check(symlink(to, target.c_str()) == 0, path);
    return;
  }
  make_folder(target);
  mount_or_fail(path, target, nullptr, MS_BIND | MS_REC);
  mount_or_fail(nullptr, target, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV);
}

/// A root of its own in memory: the system's libraries read-only, /proc of its own processes, and three
/// throw-away folders that share one limit of bytes and one of files.
void enter_root(const Start& s) {
  const std::string root = "/tmp";  // any folder will do: nothing of it is seen outside of this namespace
  mount_or_fail(nullptr, "/", nullptr, MS_REC | MS_PRIVATE);
  mount_or_fail("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755");
  for (const char* path : {"/usr", "/lib", "/lib64", "/bin"}) bind_read_only(root, path);
  for (const char* path : {"/proc", "/box", "/dev", "/dev/shm", "/tmp", "/old"}) make_folder(root + path);
  mount_or_fail("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY);
  const std::string size = "size=" + std::to_string(s.limits.folder_bytes) + ",nr_inodes=20000,mode=755";
  mount_or_fail("tmpfs", root + "/old", "tmpfs", MS_NOSUID | MS_NODEV, size.c_str());
  for (const char* path : {"/box", "/tmp", "/dev/shm"}) {
    const std::string from = root + "/old/" + fs::path(path).filename().string();
    make_folder(from, 01777);
    mount_or_fail(from.c_str(), root + path, nullptr, MS_BIND);
  }
  check(umount2((root + "/old").c_str(), MNT_DETACH) == 0, "the folders' mount");
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/urandom"}) {
    write_file(root + device, "", O_CREAT | O_WRONLY);
    mount_or_fail(device, root + device, nullptr, MS_BIND);
  }
  for (const auto& [name, text] : s.files)
    write_file(root + "/box/" + name, text, O_CREAT | O_EXCL | O_WRONLY);
  check(syscall(SYS_pivot_root, root.c_str(), (root + "/old").c_str()) == 0, "pivot_root");
  check(chdir("/") == 0 && umount2("/old", MNT_DETACH) == 0 && rmdir("/old") == 0, "leaving the old root");
  mount_or_fail(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV);
  check(chdir("/box") == 0, "/box");
}

/// Waits for a process and ends with its status. Of process 1 of the new namespace: the kernel then kills the
/// rest.
[[noreturn]] void end_with(pid_t program) {
  int status = 0;
  for (pid_t ended; (ended = waitpid(-1, &status, 0)) != program;)
    if (ended < 0 && errno != EINTR) _exit(kSetupFailed);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/// The memory limit comes last: this process, a copy of rouse with its model mapped, may be above it already,
/// and then could allocate nothing more.
[[noreturn]] void execute(const std::vector<std::string>& argv, const SandboxLimits& l) {
  std::vector<char*> arguments;
  for (const std::string& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  // One arena: each further one would reserve 64 MB of address space for its thread.
  char path[] = "PATH=/usr/bin:/bin", lang[] = "LANG=C.UTF-8", arenas[] = "MALLOC_ARENA_MAX=1";
  char* environment[] = {path, lang, arenas, nullptr};
  constexpr uint64_t kStackBytes = 8u << 20;  // of a thread, most of it never touched
  limit(RLIMIT_AS, l.memory_bytes + kStackBytes * static_cast<uint64_t>(l.n_process), "memory limit");
  execve(arguments[0], arguments.data(), environment);
  fail(argv[0].c_str());
}

void leave_root() {
  if (!can_leave_root()) return;
  check(setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
            setresuid(kNobody, kNobody, kNobody) == 0,
        "becoming nobody");
  check(prctl(PR_SET_DUMPABLE, 1) == 0, "dumpable");  // or /proc/self would still be root's
}

/// SIGTERM waits until there is something to end.
void hold_end(bool hold) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &term, nullptr);
}

/// This supervisor ends its program with `end` when it is told to, or when rouse goes.
void go_with(pid_t rouse, void (*end)(int)) {
  hold_end(true);
  signal(SIGTERM, end);
  check(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0, "death signal");
  if (getppid() != rouse) _exit(kSetupFailed);  // it went before
}

/// Ends process 1 of the new namespace, and with it all others there; who waits for it then knows them gone.
pid_t first_process = 0;
void end_namespace(int) {
  kill(first_process, SIGKILL);
}

/// The supervisor, the first process of the namespace and the program are sessions of their own: a program
/// reaches its group even across namespaces.
void enter_namespaces(const Start& s) {
  leave_root();
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  check(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) == 0,
        "namespaces");
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
  write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
  go_with(s.parent, end_namespace);
  first_process = fork();
  check(first_process >= 0, "fork");
  if (first_process > 0) hold_end(false), end_with(first_process);
  signal(SIGTERM, SIG_DFL);
  hold_end(false);
  check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && setsid() > 0, "supervision");
  enter_root(s);
  const pid_t program = fork();
  check(program >= 0, "fork");
  if (program > 0) {
    syscall(SYS_close_range, 0u, ~0u, 0u);  // the program's streams are its own
    end_with(program);
  }
}

/// Processes and threads of this user.
int count_processes() {
  int n = 0;
  std::error_code ignored;  // a process may end at any moment
  for (fs::directory_iterator it("/proc", ignored), end; it != end; it.increment(ignored)) {
    struct stat info {};
    const char first = it->path().filename().c_str()[0];
    if (first < '0' || first > '9' || stat(it->path().c_str(), &info) != 0 || info.st_uid != geteuid())
      continue;
    for (fs::directory_iterator thread(it->path() / "task", ignored); thread != end;
         thread.increment(ignored))
      ++n;
  }
  return n;
}

/// Ends every process of this one's domain but itself.
void end_all(int) {
  kill(-1, SIGKILL);
}

/// Who waits for the program adopts what it leaves behind, and ends that: by itself, or on SIGTERM. Landlock
/// lets its signals reach only what it began, and the program's signals not reach it.
void enter_landlock(const Start& s, int& others) {
  leave_root();
  others = count_processes();
  check(chdir(s.folder.c_str()) == 0, s.folder.c_str());
  for (const auto& [name, text] : s.files) write_file(name, text, O_CREAT | O_EXCL | O_WRONLY);
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  check(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "supervision");
  check(restrict_access(s.folder), "Landlock");
  go_with(s.parent, end_all);
  const pid_t program = fork();
  check(program >= 0, "fork");
  if (program == 0) {
    signal(SIGTERM, SIG_DFL);
    hold_end(false);
    check(restrict_signals(), "Landlock");
    return;
  }
  hold_end(false);
  syscall(SYS_close_range, 0u, ~0u, 0u);
  int status = 0;
  while (waitpid(program, &status, 0) != program)
    if (errno != EINTR) _exit(kSetupFailed);
  for (;;) {  // a fork bomb goes on while it is being ended
    end_all(0);
    const pid_t left = waitpid(-1, nullptr, WNOHANG);
    if (left < 0 && errno == ECHILD) break;
    if (left == 0) usleep(200);
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/// Whether a map of /proc/self/uid_map or gid_map knows `id`.
bool maps(const char* path, unsigned long id) {
  std::ifstream in(path);
  for (unsigned long first, outside, n; in >> first >> outside >> n;)
    if (id >= first && id - first < n) return true;
  return false;
}

}  // namespace

bool can_leave_root() {
  return geteuid() == 0 && maps("/proc/self/uid_map", kNobody) && maps("/proc/self/gid_map", kNobody);
}

void start_program(const Start& s) noexcept {
  setsid();
  const int null = open("/dev/null", O_RDONLY);
  const int report = fcntl(s.report, F_DUPFD, 10);  // out of the way of 3, which may be an end of a pipe
  check(dup2(null, 0) == 0 && dup2(s.out, 1) == 1 && dup2(s.err, 2) == 2, "streams");
  check(report >= 10 && dup2(report, 3) == 3, "report");
  syscall(SYS_close_range, 4u, ~0u, 0u);
  int others = 0;
  if (s.isolation == Isolation::namespaces) {
    enter_namespaces(s);
  } else if (s.isolation == Isolation::landlock) {
    enter_landlock(s, others);
  } else {
    check(chdir(s.folder.c_str()) == 0, s.folder.c_str()), others = 1 << 20;
    for (const auto& [name, text] : s.files) write_file(name, text, O_CREAT | O_EXCL | O_WRONLY);
  }
  check(s.isolation == Isolation::none || setsid() > 0, "session");
  set_limits(s.limits, others);
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  if (s.isolation != Isolation::none) {
    drop_capabilities();
    if (!filter_system_calls(s.isolation == Isolation::namespaces)) fail("seccomp");
  }
  execute(s.argv, s.limits);
}

}  // namespace rouse
