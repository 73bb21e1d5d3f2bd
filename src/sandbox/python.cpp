#include "sandbox/python.h"

#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

constexpr const char* kHarness = R"python(import os, sys, traceback, types

def take(name):
    with open(name, encoding="utf-8", newline="") as f:
        text = f.read()
    os.unlink(name)
    return text

def judge(program, last, write=os.write, leave=os._exit, flush=sys.stdout.flush, describe=traceback.print_exception,
          walk=traceback.walk_tb, compile=compile, exec=exec, type=type, str=str, BaseException=BaseException):
    def first_line(error):
        """Its type, the first line of its text, and the line of the program where it arose."""
        try:
            text = str(error).partition("\n")[0]
        except BaseException:
            text = ""
        found = type(error).__name__ + (": " + text if text else "")
        lines = [n for frame, n in walk(error.__traceback__) if frame.f_code.co_filename == "<string>"]
        source = program.split("\n")
        if lines and 0 < lines[-1] <= len(source):
            found += f" (line {lines[-1]}: {source[lines[-1] - 1].strip()})"
        return found.encode("utf-8", "replace")[:1000]

    module = types.ModuleType("program")
    sys.modules["program"] = module
    sys.argv[:] = ["program"]
    write(3, b"begun")
    try:
        exec(compile(program, "<string>", "exec", dont_inherit=True), module.__dict__)
        exec(compile(last, "<last>", "exec", dont_inherit=True), {})
    except BaseException as error:
        try:
            write(3, first_line(error))
            describe(error)
            flush()
        finally:
            leave(1)
    try:
        flush()
    except BaseException:
        pass
    write(3, b"ended")
    leave(0)

os.unlink("main.py")
judge(take("program.py"), take("last.py"))
)python";

/// Whether the process that began said, as the only one and once, that it ended.
bool reported(const SandboxResult& r) {
  return r.exit_code == 0 && r.limit == Limit::none && r.reports.size() == 2 &&
         r.reports[0].text == "begun" && r.reports[1].text == "ended" &&
         r.reports[1].sender == r.reports[0].sender;
}

/// UTF-8 whatever a program wrote.
std::string printable(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size() && out.size() < 400;) {
    const unsigned char c = static_cast<unsigned char>(text[at]);
    const size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
    bool whole =
        n > 0 && at + n <= text.size() && c >= 0x20 && c != 0x7f && c != 0xc0 && c != 0xc1 && c < 0xf5;
    for (size_t i = 1; whole && i < n; ++i) whole = (static_cast<unsigned char>(text[at + i]) >> 6) == 2;
    if (whole && n >= 3) {  // not the long way, no halves of pairs, nothing above the last character
      const unsigned char d = static_cast<unsigned char>(text[at + 1]);
      whole = !(c == 0xe0 && d < 0xa0) && !(c == 0xed && d >= 0xa0) && !(c == 0xf0 && d < 0x90) &&
              !(c == 0xf4 && d >= 0x90);
    }
    out += whole ? text.substr(at, n) : "?";
    at += whole ? n : 1;
  }
  return out;
}

std::string why_not(const SandboxResult& r, const SandboxLimits& limits) {
  if (r.limit != Limit::none) return limit_text(r.limit, limits);
  if (r.reports.size() == 2 && r.exit_code == 1 && r.reports[1].sender == r.reports[0].sender &&
      r.reports[1].text != "ended")
    return printable(r.reports[1].text);
  if (r.reports.size() > 1) return "a report that is not the harness's own";
  if (r.exit_code > 128)
    return cat("ended by signal ", r.exit_code - 128, " (", strsignal(r.exit_code - 128), ")");
  if (r.reports.empty()) return cat("Python did not start: ", printable(r.err.substr(0, r.err.find('\n'))));
  return cat("ended before its last line, with exit code ", r.exit_code);
}

std::string random_word() {
  uint64_t random[2];
  require(getrandom(random, sizeof random, 0) == sizeof random, "the machine gives no random numbers");
  return hex64(random[0]) + hex64(random[1]);
}

SandboxResult run_with(const Sandbox& sandbox, const std::string& program, bool last_line_holds) {
  const std::string word = random_word();
  const std::string last = cat("assert '", word, "' == '", last_line_holds ? word : random_word(), "'\n");
  return sandbox.run({python_path(), "-I", "-B", "main.py"},
                     {{"main.py", kHarness}, {"program.py", program}, {"last.py", last}});
}

}  // namespace

std::string python_path() {
  for (const char* path : {"/usr/bin/python3", "/bin/python3"})
    if (access(path, X_OK) == 0) return path;
  throw Error("no Python below /usr to run programs with: install python3", ErrorKind::no_sandbox);
}

PythonVerdict run_python(const Sandbox& sandbox, const std::string& program) {
  PythonVerdict verdict;
  verdict.result = run_with(sandbox, program, true);
  verdict.seconds = verdict.result.seconds;
  verdict.passed = reported(verdict.result);
  if (!verdict.passed) {
    verdict.reason = why_not(verdict.result, sandbox.limits());
  } else if (reported(run_with(sandbox, program, false))) {
    verdict.passed = false;
    verdict.reason = "it reports success even where its test fails";
  }
  return verdict;
}

}  // namespace rouse
