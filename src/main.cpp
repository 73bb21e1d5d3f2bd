/// rouse: wakes the experts that a sparse Mixture-of-Experts model leaves asleep.
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/app.h"
#include "cli/command.h"
#include "cli/exit.h"
#include "cli/message.h"
#include "cli/output.h"

namespace rouse {

static std::atomic<bool> interrupted = false;

/// The first Ctrl-C asks to stop after the step in progress; the second ends the program.
static void on_interrupt(int) {
  if (interrupted.exchange(true)) _exit(static_cast<int>(Exit::interrupted));
}

/// The exit code of `work`, which may say by an exception why it failed.
template <class Work>
static int code_of(Work work) {
  try {
    return work();
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::closed_pipe)
      std::fprintf(stderr, "rouse: %s\n", printable(message_of(e), true).c_str());
    return static_cast<int>(exit_of(e.kind()));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "rouse: %s\n", printable(e.what(), true).c_str());
    return static_cast<int>(Exit::failed);
  }
}

}  // namespace rouse

int main(int argc, char** argv) {
  using namespace rouse;
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: a chat that waits for a line ends too
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const int code = code_of([&] {
    return run_command_line({argv + 1, argv + argc}, ROUSE_VERSION, interrupted);
  });
  const bool done = code == static_cast<int>(Exit::ok) || code == static_cast<int>(Exit::partial);
  const int lost =
      !done ? 0 : code_of([] { return flush_output(), 0; });  // a command that could not be heard
  return lost ? lost : code;
}
