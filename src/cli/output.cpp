#include "cli/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "base/error.h"
#include "cli/terminal.h"

namespace rouse {

/// A pipe or socket whose other end is closed. SIGPIPE is ignored, and what errno says is long past by the
/// time that a buffered write is seen to have failed.
static bool reader_gone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

void flush_output() {
  errno = 0;
  std::cout.flush();
  const bool flushed = std::fflush(stdout) == 0;
  if (std::cout.good() && flushed && !std::ferror(stdout)) return;
  const int error = errno;
  if (error == EPIPE || reader_gone())
    throw Error("standard output: nobody reads it any more", ErrorKind::closed_pipe);
  throw Error(
      cat("standard output: cannot write (", error ? std::strerror(error) : "what was printed is lost", ")"));
}

void print_text(const std::string& text) {
  const size_t width = output_width();
  std::cout << (width > 0 ? wrapped(text, width) : text);
}

void print_json(const Json& document) {
  std::cout << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

void print_now(const std::string& text) {
  std::cout << text;
  flush_output();
}

}  // namespace rouse
