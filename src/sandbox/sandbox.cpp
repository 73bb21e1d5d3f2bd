#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "sandbox/account.h"
#include "sandbox/folder.h"
#include "sandbox/setup.h"

namespace rouse {
namespace {

constexpr long kPidfdOpen = 434;

/// Closed with this object.
struct Fd {
  Fd() = default;
  explicit Fd(int fd) : fd(fd) {}
  ~Fd() { shut(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  void shut() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  int fd = -1;
};

struct Pipe {
  Pipe() {
    int fds[2];
    require(pipe2(fds, O_CLOEXEC) == 0, "no more pipes: ", std::strerror(errno));
    in.fd = fds[0], out.fd = fds[1];
    fcntl(in.fd, F_SETFL, O_NONBLOCK);
  }
  Fd in, out;
};

/// Messages that keep their bounds and say who sent them.
struct Reports {
  Reports() {
    int fds[2];
    const int on = 1;
    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0,
            "no more sockets: ", std::strerror(errno));
    in.fd = fds[0], out.fd = fds[1];
    require(setsockopt(in.fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0, "no credentials of sockets");
  }
  Fd in, out;
};

/// Keeps the head of a stream and drops the rest. False at its end.
bool read_stream(int fd, std::string& text, size_t most) {
  char buffer[1 << 16];
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n > 0) text.append(buffer, std::min(static_cast<size_t>(n), most - text.size()));
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool read_report(int fd, std::vector<Report>& reports) {
  char text[kReportBytes];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  iovec part{text, sizeof text};
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  const ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  ucred sender{};
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head && head->cmsg_type == SCM_CREDENTIALS) std::memcpy(&sender, CMSG_DATA(head), sizeof sender);
  if (n == 0) return false;
  if (reports.size() < kMostReports)
    reports.push_back({sender.pid, std::string(text, static_cast<size_t>(n))});
  return true;
}

/// The child of this process that supervises a program, or is it where nothing isolates.
class Supervised {
 public:
  Supervised(pid_t pid, Isolation isolation)
      : pid_(pid), isolation_(isolation), fd_(static_cast<int>(syscall(kPidfdOpen, pid, 0))) {}
  ~Supervised() {
    try {
      end();
    } catch (const Error&) {  // said once already, or another error is on its way
    }
  }
  pid_t pid() const { return pid_; }
  /// Readable when it has ended; -1 on kernels that cannot say so.
  int fd() const { return fd_.fd; }
  bool ended() {
    while (!status_) {
      int status = 0;
      const pid_t got = waitpid(pid_, &status, WNOHANG);
      if (got == 0) return false;
      if (got > 0)
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      else if (errno != EINTR)
        status_ = -1;
    }
    return true;
  }
  int exit_code() const { return *status_; }

  /// Asks the supervisor to end the rest and itself; where it does not, ends all of them from here.
  void end() {
    if (ended()) return;
    if (isolation_ == Isolation::none)
      kill(-pid_, SIGKILL), kill(pid_, SIGKILL);
    else
      kill(pid_, SIGTERM);
    if (ended_within(2)) return;
    for (const double begin = now_seconds(); now_seconds() - begin < 10;) {
      const std::vector<pid_t> left = descendants(pid_);
      for (const pid_t process : left) kill(process, SIGKILL);
      if (left.empty()) kill(pid_, SIGKILL);
      if (ended_within(0.02)) return;
    }
    throw Error(cat("a program's process ", pid_, " does not end: it is stuck in the kernel"));
  }

 private:
  pid_t pid_;
  Isolation isolation_;
  Fd fd_;
  std::optional<int> status_;

  bool ended_within(double seconds) {
    for (const double begin = now_seconds(); !ended();) {
      const double left = seconds - (now_seconds() - begin);
      if (left <= 0) return false;
      pollfd polled{fd_.fd, POLLIN, 0};
      poll(&polled, 1, std::min(fd_.fd < 0 ? 2 : 1000, static_cast<int>(left * 1000) + 1));
    }
    return true;
  }
};

const char* level_text(Isolation isolation) {
  switch (isolation) {
    case Isolation::namespaces:
      return "user, mount, process, network and IPC namespaces; seccomp; no capabilities; limits";
    case Isolation::landlock:
      return "Landlock with signals kept inside; seccomp; no capabilities; limits";
    case Isolation::none:
      return "none but limits (unsafe)";
  }
  return "?";
}

}  // namespace

std::string limit_text(Limit limit, const SandboxLimits& l) {
  switch (limit) {
    case Limit::none:
      return "";
    case Limit::time:
      return cat("time limit of ", number_text(l.seconds), " s");
    case Limit::memory:
      return cat("memory limit of ", bytes_text(l.memory_bytes));
    case Limit::disk:
      return cat("disk limit of ", bytes_text(l.folder_bytes), ", ", kMostFiles, " files, ", kMostDepth,
                 " levels");
    case Limit::processes:
      return cat("limit of ", l.n_process, " processes");
  }
  return "?";
}

std::string Sandbox::probe() const {
  try {
    const SandboxResult probe = run({"/bin/sh", "-c", "echo inside"}, {});
    if (probe.exit_code == 0 && probe.out == "inside\n") return "";
    return probe.err.empty() ? cat("exit code ", probe.exit_code) : probe.err.substr(0, probe.err.find('\n'));
  } catch (const Error& e) {
    return e.what();
  }
}

Sandbox::Sandbox(const SandboxLimits& limits, Isolation isolation)
    : limits_(limits), isolation_(isolation), level_(level_text(isolation)) {
  remove_left_folders();
  const std::string why = probe();
  if (!why.empty()) throw Error(why, ErrorKind::no_sandbox);
}

Sandbox::Sandbox(const SandboxLimits& limits, bool unsafe) : limits_(limits) {
  remove_left_folders();
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
    throw Error(cat("this machine cannot isolate model-written programs (", why, ")"), ErrorKind::no_sandbox,
                "unsafe_exec");
}

SandboxResult Sandbox::run(const std::vector<std::string>& argv,
                           const std::map<std::string, std::string>& files) const {
  std::optional<ThrowAwayFolder> folder;
  if (isolation_ != Isolation::namespaces) folder.emplace();
  const std::string path = folder ? folder->path() : "";
  Pipe out, err;
  Reports reports;
  const double begin = now_seconds();
  const pid_t parent = getpid(), pid = fork();
  require(pid >= 0, "cannot fork: ", std::strerror(errno));
  if (pid == 0)
    start_program({argv, files, limits_, parent, isolation_, path, out.out.fd, err.out.fd, reports.out.fd});
  Supervised child(pid, isolation_);
  for (Fd* fd : {&out.out, &err.out, &reports.out}) fd->shut();

  SandboxResult result;
  Account account(pid, limits_, path);
  bool open[] = {true, true, true};
  const auto read_all = [&](const pollfd* polled) {
    const auto ready = [&](int i) { return open[i] && (!polled || polled[i].revents != 0); };
    if (ready(0)) open[0] = read_stream(out.in.fd, result.out, limits_.output_bytes);
    if (ready(1)) open[1] = read_stream(err.in.fd, result.err, limits_.output_bytes);
    if (ready(2)) open[2] = read_report(reports.in.fd, result.reports);
  };
  while (!child.ended() && result.limit == Limit::none) {
    const double left = limits_.seconds - (now_seconds() - begin);
    result.limit = left <= 0 ? Limit::time : account.over();
    pollfd polled[] = {{open[0] ? out.in.fd : -1, POLLIN, 0},
                       {open[1] ? err.in.fd : -1, POLLIN, 0},
                       {open[2] ? reports.in.fd : -1, POLLIN, 0},
                       {child.fd(), POLLIN, 0}};
    if (result.limit == Limit::none &&
        poll(polled, 4, std::min(child.fd() < 0 ? 2 : 20, std::max(0, static_cast<int>(left * 1000) + 1))) >
            0)
      read_all(polled);
  }
  child.end();
  result.exit_code = child.exit_code();
  result.seconds = now_seconds() - begin;
  // What the pipes still hold: at most 64 kB and some messages each, and then nobody writes.
  for (int i = 0; i < 64 && (open[0] || open[1] || open[2]); ++i) read_all(nullptr);
  return result;
}

}  // namespace rouse
