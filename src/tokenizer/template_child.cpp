#include "tokenizer/template_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/clock.h"
#include "base/installation.h"
#include "base/text.h"
#include "template/protocol.h"

namespace rouse {
namespace {

using namespace template_program;

/// Held open, since an upgrade may replace the file under a server that runs: the two of one build belong
/// together.
struct Program {
  std::string path = installed_file({kName, "libexec/rouse/rouse-template"});
  int held = path.empty() ? -1 : open(path.c_str(), O_PATH | O_CLOEXEC);
  /// What to run: the file as it was, or by its name where there is no /proc.
  std::string runnable() const {
    const std::string fd = cat("/proc/self/fd/", held);
    return access(fd.c_str(), X_OK) == 0 ? fd : path;
  }
};

const Program& program() {
  static const Program found;
  return found;
}

struct Socket {
  ~Socket() { shut(); }
  void shut() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  int fd = -1;
};

/// What posix_spawn is told: the socket as standard input and output, no messages, signals as they are by
/// default, and a group of its own, so that Ctrl-C reaches rouse alone.
struct SpawnPlan {
  explicit SpawnPlan(int socket) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    sigset_t all, none;
    sigfillset(&all), sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

constexpr size_t kMostMessage = 1024;

class Child {
 public:
  explicit Child(const Program& program) {
    int fds[2];
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
            "no more sockets: ", std::strerror(errno));
    Socket theirs{fds[1]};
    ours_.fd = fds[0];
    const SpawnPlan plan(theirs.fd);
    char name[] = "rouse-template", *const argv[] = {name, nullptr}, *const environment[] = {nullptr};
    const int error =
        posix_spawn(&pid_, program.runnable().c_str(), &plan.actions, &plan.attributes, argv, environment);
    require_of(error == 0, ErrorKind::internal, "chat_template", program.path,
               ": cannot run it, and chat templates need it: ", std::strerror(error));
  }
  ~Child() {
    if (reap(WNOHANG)) return;
    kill(pid_, SIGKILL);
    reap(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Says all, hears all there is to hear. False: it took too long.
  bool talk(std::string_view said, std::string& heard, double seconds) {
    const double end = now_seconds() + seconds;
    for (bool open = true; open;) {
      const double left = end - now_seconds();
      if (left <= 0 || heard.size() > kOutputBytes + kSlack) return false;
      pollfd polled{ours_.fd, static_cast<short>(POLLIN | (said.empty() ? 0 : POLLOUT)), 0};
      if (poll(&polled, 1, static_cast<int>(left * 1000) + 1) <= 0) continue;
      if (polled.revents & POLLOUT) say(said);
      if (polled.revents & (POLLIN | POLLHUP | POLLERR)) open = hear(heard);
    }
    for (; !reap(WNOHANG); usleep(200))
      if (now_seconds() > end) return false;
    return true;
  }
  /// As waitpid has it; nothing where somebody else waited for it, as a host of librouse may.
  std::optional<int> status() const { return status_; }

 private:
  static constexpr size_t kSlack = size_t{1} << 20;  ///< lines between parts

  void say(std::string_view& said) {
    const ssize_t n = send(ours_.fd, said.data(), said.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) said.remove_prefix(static_cast<size_t>(n));
    const bool gone = n < 0 && errno != EAGAIN && errno != EINTR;
    if (gone) said = {};
    if (said.empty()) shutdown(ours_.fd, SHUT_WR);
  }
  bool hear(std::string& heard) const {
    char buffer[1 << 16];
    const ssize_t n = recv(ours_.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) heard.append(buffer, static_cast<size_t>(n));
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
  }
  /// False: it still runs.
  bool reap(int flags) {
    int status = 0;
    pid_t got = -1;
    do got = reaped_ ? -1 : waitpid(pid_, &status, flags);
    while (!reaped_ && got < 0 && errno == EINTR);
    if (got == 0) return false;
    if (got == pid_) status_ = status;
    return reaped_ = true;
  }

  Socket ours_;
  pid_t pid_ = -1;
  bool reaped_ = false;
  std::optional<int> status_;
};

Json messages_json(const std::vector<ChatMessage>& messages) {
  Json out = Json::array();
  for (const ChatMessage& m : messages)
    out.push_back({{"role", m.role}, {"content", m.content}, {"extra", m.extra}});
  return out;
}

std::string request_text(const TemplateJob& job) {
  Json request{{"template", job.source}, {"conversations", Json::array()}, {"inputs", job.inputs},
               {"plain", job.plain},     {"now", job.local_seconds},       {"strict", job.strict}};
  for (const auto& messages : job.conversations) request["conversations"].push_back(messages_json(messages));
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Why there is no answer; "" where there should be one.
std::string limit_met(int status) {
  const auto exited = [&](int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; };
  const auto ended_by = [&](int signal) { return WIFSIGNALED(status) && WTERMSIG(status) == signal; };
  if (exited(kOk)) return "";
  if (exited(kOutOfMemory)) return cat("needs more than ", bytes_text(kMemoryBytes), " of memory");
  if (exited(kTooLong)) return cat("makes a prompt of more than ", bytes_text(kOutputBytes));
  if (ended_by(SIGXCPU)) return cat("took more than ", kCpuSeconds, " s");
  if (ended_by(SIGSEGV) || ended_by(SIGBUS)) return "nests or calls itself too deeply";
  if (ended_by(SIGSYS)) return "reached for what no template may touch";
  return cat("was ended by signal ", WTERMSIG(status));
}

/// Reads an answer that a template may have forged: every count is checked. Nothing: it is none.
class AnswerReader {
 public:
  explicit AnswerReader(std::string_view text) : text_(text) {}
  bool at_end() const { return text_.empty(); }
  std::optional<std::vector<TextPart>> parts() {
    const auto n = head("=");
    if (!n) return std::nullopt;
    std::vector<TextPart> out;
    for (size_t i = 0; i < *n; ++i) {
      const bool special = text_.starts_with('t');
      const auto size = head(special ? "t" : "i");
      if (!size || *size > text_.size()) return std::nullopt;
      out.push_back({std::string(text_.substr(0, *size)), special});
      text_.remove_prefix(*size);
    }
    return out;
  }

 private:
  /// The number of a line that begins so.
  std::optional<size_t> head(std::string_view begin) {
    const size_t end = text_.find('\n');
    if (!text_.starts_with(begin) || end == std::string_view::npos) return std::nullopt;
    const auto n = parse_int(text_.substr(1, end - 1));
    if (!n || *n < 0) return std::nullopt;
    text_.remove_prefix(end + 1);
    return static_cast<size_t>(*n);
  }
  std::string_view text_;
};

/// Whether no template can make the program of this build end so.
bool is_foreign(int status, const std::string& heard) {
  if (!WIFEXITED(status)) return false;
  const int code = WEXITSTATUS(status);
  return code == kOk ? heard.empty() : code != kOutOfMemory && code != kTooLong;
}

}  // namespace

bool has_template_program() {
  return !program().path.empty();
}

std::vector<std::vector<TextPart>> render_template(const TemplateJob& job) {
  const auto refuse = [&](const std::string& what, ErrorKind kind) {
    throw Error(cat(job.place, " ", what), kind, "chat_template");
  };
  if (job.source.size() > kMostTemplateBytes)
    refuse(cat("has ", job.source.size(), " bytes, expected at most ", kMostTemplateBytes), job.kind);
  require_of(has_template_program(), ErrorKind::internal, "chat_template",
             "the program that renders chat templates, ", kName,
             ", is neither beside rouse nor in libexec/rouse of its prefix");
  std::string heard;
  Child child(program());
  if (!child.talk(request_text(job), heard, kWallSeconds))
    refuse(heard.size() > kOutputBytes ? cat("makes a prompt of more than ", bytes_text(kOutputBytes))
                                       : cat("took more than ", kWallSeconds, " s"),
           job.kind);
  if (const auto status = child.status()) {
    require_of(!is_foreign(*status, heard), ErrorKind::internal, "chat_template", program().path,
               " is not the program that renders chat templates for this rouse: it ended with code ",
               WEXITSTATUS(*status));
    if (const std::string met = limit_met(*status); !met.empty()) refuse(met, job.kind);
  }
  if (heard.starts_with('!') && heard.size() > 3) {
    const std::string said = printable(heard.substr(3, kMostMessage));
    if (heard[1] == kRefused) refuse(cat("refuses these messages: ", said), ErrorKind::usage);
    refuse(cat("cannot be rendered: ", said), job.kind);
  }
  std::vector<std::vector<TextPart>> out;
  AnswerReader reader(heard);
  for (size_t i = 0; i < job.conversations.size(); ++i) {
    auto parts = reader.parts();
    if (!parts) refuse("gave no answer that can be read", job.kind);
    out.push_back(std::move(*parts));
  }
  if (!reader.at_end()) refuse("gave no answer that can be read", job.kind);
  return out;
}

}  // namespace rouse
