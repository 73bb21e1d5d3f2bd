/// cli/exit.h - exit codes of the command line.
#pragma once

#include "base/error.h"

namespace rouse {

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

inline Exit exit_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return Exit::usage;
    case ErrorKind::bad_model:
    case ErrorKind::bad_file:
    case ErrorKind::unsupported:
      return Exit::bad_model;
    case ErrorKind::no_sandbox:
      return Exit::no_sandbox;
    case ErrorKind::interrupted:
      return Exit::interrupted;
    case ErrorKind::closed_pipe:
      return Exit::closed_pipe;
    case ErrorKind::no_room:
    case ErrorKind::internal:
      break;
  }
  return Exit::failed;
}

}  // namespace rouse
