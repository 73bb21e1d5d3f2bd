/// tests/terminal.h - a program at a terminal of its own: what a person would type, and what they would see.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>

namespace rouse {

class Terminal {
 public:
  /// Through the shell, in a window of 80 columns.
  explicit Terminal(const std::string& command) {
    winsize size{24, 80, 0, 0};
    pid_ = forkpty(&file_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      execl("/bin/sh", "sh", "-c", ("exec env " + command).c_str(), nullptr);
      _exit(127);
    }
  }
  ~Terminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(file_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& keys) {
    EXPECT_EQ(write(file_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  /// The window gets another width, of which the program hears.
  void resize(unsigned short columns) {
    const winsize size{24, columns, 0, 0};
    EXPECT_EQ(ioctl(file_, TIOCSWINSZ, &size), 0);
  }
  /// Waits until this is shown behind what was awaited before. Returns what stood between.
  std::string await(const std::string& text) {
    size_t at = std::string::npos;
    while ((at = shown_.find(text, seen_)) == std::string::npos)
      if (!more()) {
        ADD_FAILURE() << "never shown: " << text << "\nbut: " << shown_.substr(seen_);
        return "";
      }
    const std::string between = shown_.substr(seen_, at - seen_);
    seen_ = at + text.size();
    return between;
  }
  /// Waits for the program's end. Returns its exit code.
  int end() {
    while (more()) {
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// All of it, without escape sequences.
  const std::string& shown() const { return shown_; }

 private:
  /// False: the program has ended, or shows nothing for very long.
  bool more() {
    pollfd from{file_, POLLIN, 0};
    char buffer[4096];
    if (poll(&from, 1, 10'000) <= 0) return false;
    const ssize_t n = read(file_, buffer, sizeof buffer);
    if (n <= 0) return false;
    for (const char c : std::string(buffer, static_cast<size_t>(n))) add(c);
    return true;
  }
  /// Escape sequences of terminals: ESC [ parameters letter, or ESC and one character.
  void add(char c) {
    if (c == '\x1b') {
      escape_ = "\x1b";
    } else if (escape_.empty()) {
      shown_ += c;
    } else {
      escape_ += c;
      const bool open = escape_[1] == '[' && (escape_.size() == 2 || c < '@');
      if (!open && escape_[1] != '(') escape_.clear();
      if (escape_.size() == 3 && escape_[1] == '(') escape_.clear();
    }
  }

  int file_ = -1;
  pid_t pid_ = -1;
  size_t seen_ = 0;
  std::string shown_, escape_;
};

}  // namespace rouse
