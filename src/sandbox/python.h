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
/// Runs `program` as the official harnesses do: exec in a module of its own whose __name__ is not "__main__".
/// It passes when its last line was reached without an exception, within the limits.
///
/// The process that was started says so, once, and the kernel says which process says it: exit codes, output,
/// children and patched library functions prove nothing. A program that passes is then run again with a last
/// line that fails: one that passes that too reports by itself, and fails. There is no secret to be found in
/// the interpreter; a program that reads and understands the last line of its own test from the interpreter's
/// frames could still cheat.
PythonVerdict run_python(const Sandbox& sandbox, const std::string& program);

/// The system's Python. Throws Error (exit 5) where there is none below /usr.
std::string python_path();

}  // namespace rouse
