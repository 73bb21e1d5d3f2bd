/// base/error.h - the one exception type, and how a message is put together.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace rouse {

/// Exit codes of the command line; an Error carries the one that ends the command.
enum class Exit {
  ok = 0,
  failed = 1,
  usage = 2,
  bad_model = 3,
  partial = 4,
  no_sandbox = 5,
  interrupted = 130,  ///< as a shell says of a program that SIGINT ended
  closed_pipe = 141   ///< likewise of SIGPIPE: nobody reads standard output any more
};

/// Its text names the thing, what was found and what was wanted.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& text, Exit exit_code = Exit::failed)
      : std::runtime_error(text), exit_code_(exit_code) {}
  Exit exit_code() const { return exit_code_; }

 private:
  Exit exit_code_;
};

/// Folds its arguments into one string.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws Error unless `ok`. For anything a file, a flag or a request can cause.
template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) throw Error(cat(parts...));
}
template <class... Parts>
void require_usage(bool ok, const Parts&... parts) {
  if (!ok) throw Error(cat(parts...), Exit::usage);
}
template <class... Parts>
void require_model(bool ok, const Parts&... parts) {
  if (!ok) throw Error(cat(parts...), Exit::bad_model);
}

}  // namespace rouse
