#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
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
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/error.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

/// In a child between fork and exec: says what failed on the error stream and ends with a code of its own.
constexpr int kSetupFailed = 113;
[[noreturn]] void fail(const char* what) {
  dprintf(2, "sandbox: %s: %s\n", what, std::strerror(errno));
  _exit(kSetupFailed);
}
void check(bool ok, const char* what) {
  if (!ok) fail(what);
}

void write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  check(fd >= 0 && write(fd, text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text)), path);
  close(fd);
}

void limit(int resource, uint64_t value, const char* what) {
  const rlimit l{value, value};
  check(setrlimit(static_cast<__rlimit_resource>(resource), &l) == 0, what);
}

/// others: processes that the same user has already, which the kernel counts too.
void set_limits(const SandboxLimits& l, int others) {
  limit(RLIMIT_CPU, static_cast<uint64_t>(l.seconds) + 1, "processor limit");
  limit(RLIMIT_FSIZE, l.folder_bytes, "file size limit");
  limit(RLIMIT_NOFILE, 64, "file limit");
  limit(RLIMIT_CORE, 0, "core limit");
  limit(RLIMIT_NPROC, static_cast<uint64_t>(l.n_process + others), "process limit");
}

void mount_or_fail(const char* source, const std::string& target, const char* type, unsigned long flags,
                   const char* options = nullptr) {
  check(mount(source, target.c_str(), type, flags, options) == 0, target.c_str());
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
  check(mkdir(target.c_str(), 0755) == 0, target.c_str());
  mount_or_fail(path, target, nullptr, MS_BIND | MS_REC);
  mount_or_fail(nullptr, target, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV);
}

/// A root of its own in memory: the system's libraries read-only, /proc of its own processes, a throw-away
/// /box.
void enter_root(const std::string& root, const std::string& folder, const SandboxLimits& l) {
  mount_or_fail(nullptr, "/", nullptr, MS_REC | MS_PRIVATE);
  mount_or_fail("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755");
  for (const char* path : {"/usr", "/lib", "/lib64", "/bin"}) bind_read_only(root, path);
  for (const char* path : {"/proc", "/box", "/dev", "/tmp", "/old"})
    check(mkdir((root + path).c_str(), 0755) == 0, path);
  mount_or_fail("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  const std::string size = "size=" + std::to_string(l.folder_bytes) + ",mode=777";
  mount_or_fail("tmpfs", root + "/box", "tmpfs", MS_NOSUID | MS_NODEV, size.c_str());
  mount_or_fail("tmpfs", root + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size.c_str());
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/urandom"}) {
    const int fd = open((root + device).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    check(fd >= 0, device);
    close(fd);
    mount_or_fail(device, root + device, nullptr, MS_BIND);
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::error_code error;
    fs::copy_file(entry.path(), root + "/box/" + entry.path().filename().string(), error);
    if (error) errno = error.value(), fail("copying files");
  }
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
  char path[] = "PATH=/usr/bin:/bin", hash[] = "PYTHONHASHSEED=0", lang[] = "LANG=C.UTF-8";
  char* environment[] = {path, hash, lang, nullptr};
  limit(RLIMIT_AS, l.memory_bytes, "memory limit");
  execve(arguments[0], arguments.data(), environment);
  fail(argv[0].c_str());
}

struct Pipes {
  int out[2], err[2], verdict[2];
};

constexpr uid_t kNobody = 65534;

/// The kernel counts no processes of the machine's own root.
void leave_root() {
  if (geteuid() != 0) return;
  check(setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
            setresuid(kNobody, kNobody, kNobody) == 0,
        "becoming nobody");
  check(prctl(PR_SET_DUMPABLE, 1) == 0, "dumpable");  // or /proc/self would still be root's
}

/// Ends process 1 of the new namespace, and with it all others there; who waits for it then knows them gone.
pid_t first_process = 0;
void end_namespace(int) {
  if (first_process == 0) _exit(kSetupFailed);
  kill(first_process, SIGKILL);
}

void enter_namespaces(const SandboxLimits& l, const std::string& folder, const std::string& root) {
  leave_root();
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  check(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) == 0,
        "namespaces");
  write_file("/proc/self/setgroups", "deny");
  char map[64];
  std::snprintf(map, sizeof map, "0 %u 1", uid);
  write_file("/proc/self/uid_map", map);
  std::snprintf(map, sizeof map, "0 %u 1", gid);
  write_file("/proc/self/gid_map", map);
  check(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0, "death signal");
  signal(SIGTERM, end_namespace);
  const pid_t init = fork();
  check(init >= 0, "fork");
  if (init > 0) first_process = init, end_with(init);
  signal(SIGTERM, SIG_DFL);
  check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "death signal");
  enter_root(root, folder, l);
  const pid_t program = fork();
  check(program >= 0, "fork");
  if (program > 0) end_with(program);
}

/// Processes and threads of this user.
int count_processes() {
  int n = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    struct stat info {};
    const char first = entry.path().filename().c_str()[0];
    if (first < '0' || first > '9' || stat(entry.path().c_str(), &info) != 0 || info.st_uid != geteuid())
      continue;
    for (const auto& thread : fs::directory_iterator(entry.path() / "task", ignored)) (void)thread, ++n;
  }
  return n;
}

/// Ends every process of this one's domain but itself.
void end_all(int) {
  kill(-1, SIGKILL);
}

/// Who waits for the program adopts what it leaves behind, and ends that: by itself, or on SIGTERM. Landlock
/// lets its signals reach only what it began, and the program's not even itself.
void enter_landlock(const std::string& folder, int& others) {
  leave_root();
  others = count_processes();
  check(chdir(folder.c_str()) == 0, folder.c_str());
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  check(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0, "supervision");
  check(restrict_access(folder), "Landlock");
  signal(SIGTERM, end_all);
  const pid_t program = fork();
  check(program >= 0, "fork");
  if (program == 0) {
    signal(SIGTERM, SIG_DFL);
    check(restrict_signals(), "Landlock");
    return;
  }
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

/// In the child: everything up to the program itself.
[[noreturn]] void child(const std::vector<std::string>& argv, const SandboxLimits& l, Isolation isolation,
                        const std::string& folder, const std::string& root, const Pipes& p) {
  setpgid(0, 0);
  const int null = open("/dev/null", O_RDONLY);
  check(dup2(null, 0) == 0 && dup2(p.out[1], 1) == 1 && dup2(p.err[1], 2) == 2, "streams");
  const int verdict = fcntl(p.verdict[1], F_DUPFD, 10);  // out of the way of 3, which may be an end of a pipe
  check(verdict >= 10 && dup2(verdict, 3) == 3, "verdict");
  syscall(SYS_close_range, 4u, ~0u, 0u);
  int others = 0;
  if (isolation == Isolation::namespaces)
    enter_namespaces(l, folder, root);
  else if (isolation == Isolation::landlock)
    enter_landlock(folder, others);
  else
    check(chdir(folder.c_str()) == 0, folder.c_str()), others = 1 << 20;
  set_limits(l, others);
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  if (isolation != Isolation::none) {
    drop_capabilities();
    if (!filter_system_calls()) fail("seccomp");
  }
  execute(argv, l);
}

/// Bytes in a folder; no namespace bounds them where there is none.
uint64_t bytes_below(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(folder, ignored), end; it != end; it.increment(ignored)) {
    struct stat info {};
    if (lstat(it->path().c_str(), &info) == 0) bytes += static_cast<uint64_t>(info.st_blocks) * 512;
    if (ignored) break;
  }
  return bytes;
}

/// A folder that goes away.
struct ThrowAway {
  ThrowAway() {
    std::string name = (fs::temp_directory_path() / "rouse-sandbox-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "cannot make a folder for the sandbox: ", std::strerror(errno));
    path = name;
    fs::create_directory(path / "files");
    fs::create_directory(path / "root");
    if (geteuid() == 0)  // see isolate()
      for (const fs::path& p : {path, path / "files", path / "root"})
        require(chown(p.c_str(), kNobody, kNobody) == 0, "cannot give away the sandbox's folder");
  }
  ~ThrowAway() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

}  // namespace

static const char* level_text(Isolation isolation) {
  switch (isolation) {
    case Isolation::namespaces:
      return "user, mount, process, network and IPC namespaces; seccomp; no capabilities; limits";
    case Isolation::landlock:
      return "Landlock with signals kept inside; seccomp; no capabilities; limits";
    case Isolation::none:
      return "none but limits (--unsafe-exec)";
  }
  return "?";
}

std::string Sandbox::probe() const {
  const SandboxResult probe = run({"/bin/sh", "-c", "echo inside"}, {});
  if (probe.exit_code == 0 && probe.out == "inside\n") return "";
  return probe.err.empty() ? cat("exit code ", probe.exit_code) : probe.err.substr(0, probe.err.find('\n'));
}

Sandbox::Sandbox(const SandboxLimits& limits, Isolation isolation)
    : limits_(limits), isolation_(isolation), level_(level_text(isolation)) {
  const std::string why = probe();
  if (!why.empty()) throw Error(why, Exit::no_sandbox);
}

Sandbox::Sandbox(const SandboxLimits& limits, bool unsafe) : limits_(limits) {
  std::string why;
  for (const Isolation isolation : {Isolation::namespaces, Isolation::landlock, Isolation::none}) {
    isolation_ = isolation;
    level_ = level_text(isolation);
    if (isolation == Isolation::none) break;
    const std::string reason = probe();
    if (reason.empty()) return;
    why = why.empty() ? reason : cat(why, "; ", reason);
  }
  if (!unsafe)
    throw Error(cat("this machine cannot isolate model-written programs (", why,
                    "); --unsafe-exec runs them with limits alone, as you, with your files and your network"),
                Exit::no_sandbox);
}

SandboxResult Sandbox::run(const std::vector<std::string>& argv,
                           const std::map<std::string, std::string>& files) const {
  const ThrowAway folder;
  for (const auto& [name, text] : files) {
    std::ofstream out(folder.path / "files" / name, std::ios::binary);
    out << text;
    out.close();
    require(out.good(), "cannot write the sandbox's files (disk full?)");
  }
  Pipes p{};
  for (int* pipe : {p.out, p.err, p.verdict}) require(pipe2(pipe, O_CLOEXEC) == 0, "no more pipes");
  const double begin = now_seconds();
  const pid_t pid = fork();
  require(pid >= 0, "cannot fork: ", std::strerror(errno));
  if (pid == 0) child(argv, limits_, isolation_, folder.path / "files", folder.path / "root", p);
  for (int* pipe : {p.out, p.err, p.verdict}) close(pipe[1]);

  SandboxResult result;
  std::string* texts[] = {&result.out, &result.err, &result.verdict};
  pollfd polled[] = {{p.out[0], POLLIN, 0}, {p.err[0], POLLIN, 0}, {p.verdict[0], POLLIN, 0}};
  const fs::path files_folder = folder.path / "files";
  const auto too_much_disk = [&] {
    return isolation_ == Isolation::landlock && bytes_below(files_folder) > limits_.folder_bytes;
  };
  for (int open_streams = 3; open_streams > 0;) {
    const double left = limits_.seconds - (now_seconds() - begin);
    result.timed_out = left <= 0;
    result.too_much_output = result.too_much_output || too_much_disk();
    if (result.timed_out || result.too_much_output) break;
    if (poll(polled, 3, std::min(20, static_cast<int>(left * 1000) + 1)) < 0) continue;
    for (size_t i = 0; i < 3; ++i) {
      if (!(polled[i].revents & (POLLIN | POLLHUP))) continue;
      char buffer[4096];
      const ssize_t n = read(polled[i].fd, buffer, sizeof buffer);
      if (n > 0) texts[i]->append(buffer, static_cast<size_t>(n));
      if (n <= 0) polled[i].fd = -1, --open_streams;
    }
    for (const std::string* text : texts)
      result.too_much_output = result.too_much_output || text->size() > limits_.output_bytes;
  }
  int status = 0;
  // A program that closed its streams still has the rest of its time.
  while (!result.timed_out && !result.too_much_output && waitpid(pid, &status, WNOHANG) == 0) {
    result.timed_out = now_seconds() - begin > limits_.seconds;
    result.too_much_output = too_much_disk();
    usleep(2000);
  }
  if (result.timed_out || result.too_much_output) {
    if (isolation_ == Isolation::none)
      kill(-pid, SIGKILL), kill(pid, SIGKILL);
    else
      kill(pid, SIGTERM);  // it ends the rest before itself: see enter_namespaces, enter_landlock
    waitpid(pid, &status, 0);
  }
  for (int* pipe : {p.out, p.err, p.verdict}) close(pipe[0]);
  result.seconds = now_seconds() - begin;
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace rouse
