#include "cli/interrupts.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace rouse {
namespace {

std::atomic<bool> g_pressed = false, g_resized = false, g_continued = false;
int g_pipe[2] = {-1, -1};

void on_signal(int signal) {
  const int error = errno;
  (signal == SIGINT ? g_pressed : signal == SIGWINCH ? g_resized : g_continued) = true;
  (void)!write(g_pipe[1], "", 1);  // full: whoever polls will wake anyway
  errno = error;
}

}  // namespace

Interrupts::Interrupts() {
  require(pipe2(g_pipe, O_CLOEXEC | O_NONBLOCK) == 0, "signals: cannot make a pipe");
  g_pressed = g_resized = g_continued = false;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &old_int_);
  sigaction(SIGWINCH, &action, &old_winch_);
  sigaction(SIGCONT, &action, &old_cont_);
}

Interrupts::~Interrupts() {
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGWINCH, &old_winch_, nullptr);
  sigaction(SIGCONT, &old_cont_, nullptr);
  for (int& end : g_pipe) {
    close(end);
    end = -1;
  }
}

const std::atomic<bool>& Interrupts::pressed() const {
  return g_pressed;
}

bool Interrupts::take() {
  return g_pressed.exchange(false);
}

bool Interrupts::resized() {
  return g_resized.exchange(false);
}

bool Interrupts::continued() {
  return g_continued.exchange(false);
}

int Interrupts::fd() const {
  return g_pipe[0];
}

void Interrupts::drain() {
  char buffer[64];
  while (read(g_pipe[0], buffer, sizeof buffer) > 0) {
  }
}

}  // namespace rouse
