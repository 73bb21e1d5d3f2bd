/// base/error.h - the one exception type, and how a message is put together.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace rouse {

/// Who can mend it. The command line maps kinds to exit codes (cli/exit.h), a server to a status.
enum class ErrorKind {
  usage,        ///< what was asked for: an option, a request, a record of the user's data
  bad_model,    ///< a model file
  bad_file,     ///< another file that belongs to a model: a plan, a trace, a state, heads for ITI
  no_room,      ///< memory, or the context
  unsupported,  ///< sound, but not built
  internal,     ///< the machine failed, or rouse
  no_sandbox,   ///< programs cannot be run safely here
  interrupted,  ///< by the user
  closed_pipe   ///< nobody reads standard output any more
};

/// Its text names the thing, what was found and what was wanted. Its subject is the thing alone where that is
/// an option or a field of a request, by its name in the option table ("alpha", "n_ctx"), else empty.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& text, ErrorKind kind = ErrorKind::internal, std::string subject = "")
      : std::runtime_error(text), kind_(kind), subject_(std::move(subject)) {}
  ErrorKind kind() const { return kind_; }
  const std::string& subject() const { return subject_; }
  /// The same, said of something: "answer 3: ...".
  Error within(const std::string& where) const { return Error(where + ": " + what(), kind_, subject_); }

 private:
  ErrorKind kind_;
  std::string subject_;
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
  if (!ok) throw Error(cat(parts...), ErrorKind::usage);
}
/// The message begins with the option's name: require_option(x > 0, "alpha", " is ", x, ", expected ...").
template <class... Parts>
void require_option(bool ok, const char* option, const Parts&... parts) {
  if (!ok) throw Error(cat(option, parts...), ErrorKind::usage, option);
}
template <class... Parts>
void require_model(bool ok, const Parts&... parts) {
  if (!ok) throw Error(cat(parts...), ErrorKind::bad_model);
}
template <class... Parts>
void require_file(bool ok, const Parts&... parts) {
  if (!ok) throw Error(cat(parts...), ErrorKind::bad_file);
}
template <class... Parts>
void require_of(bool ok, ErrorKind kind, const char* subject, const Parts&... parts) {
  if (!ok) throw Error(cat(parts...), kind, subject);
}
/// `subject`: what could be raised or lowered ("n_ctx"); or empty.
template <class... Parts>
void require_room(bool ok, const char* subject, const Parts&... parts) {
  if (!ok) throw Error(cat(parts...), ErrorKind::no_room, subject);
}

}  // namespace rouse
