/// sandbox/python.h - whether a Python program runs to its end.
#pragma once

#include "sandbox/sandbox.h"

namespace rouse {

struct PythonVerdict {
  bool passed = false;
  std::string reason;  ///< why not: the first line of the error, or the limit that it hit; "" when it passed
  double seconds = 0;  ///< of wall clock
  SandboxResult result;
};
/// Runs `program`; it passes when its last line was reached without an exception, within the limits. That is
/// told by a random word which a harness writes to a descriptor of its own after the program: exit codes,
/// output and patched library functions prove nothing. (Code that searches the interpreter's frames for the
/// word could still cheat; it would have to mean to.)
PythonVerdict run_python(const Sandbox& sandbox, const std::string& program);

/// The system's Python. Throws Error (exit 5) where there is none below /usr.
std::string python_path();

}  // namespace rouse
