#include "sandbox/python.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

static constexpr const char* kHarness = R"python(import os, sys, traceback
with open("program.py", encoding="utf-8") as f:
    source = f.read()
with open("word") as f:
    word = f.read()
for name in ("program.py", "word", "main.py"):
    os.unlink(name)

def run(source, word, write=os.write, leave=os._exit, flush=sys.stdout.flush, report=traceback.print_exc, compile=compile, exec=exec):
    try:
        exec(compile(source, "program.py", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
        flush()
    except BaseException:
        report()
        leave(1)
    write(3, word)
    leave(0)

run(source, word.encode())
)python";

std::string python_path() {
  for (const char* path : {"/usr/bin/python3", "/bin/python3"})
    if (access(path, X_OK) == 0) return path;
  throw Error("no Python below /usr to run programs with: install python3", Exit::no_sandbox);
}

/// The first line of the last error that a traceback ends in, else of what was printed last.
static std::string error_line(const std::string& err) {
  const std::vector<std::string> lines = split(trim(err), '\n');
  size_t at = lines.size();
  while (at > 0 && lines[at - 1].rfind("Traceback ", 0) != 0) --at;
  for (; at > 0 && at < lines.size(); ++at)
    if (!lines[at].empty() && lines[at][0] != ' ') return lines[at];
  return lines.back();
}

static std::string reason_of(const SandboxResult& r) {
  if (r.timed_out) return "out of time";
  if (r.too_much_output) return "too much output";
  if (r.signal) return cat("ended by signal ", r.signal);
  const std::string line = error_line(r.err);
  return line.empty() ? "ended before its last line" : line;
}

PythonVerdict run_python(const Sandbox& sandbox, const std::string& program) {
  uint64_t random[2];
  require(getrandom(random, sizeof random, 0) == sizeof random, "the machine gives no random numbers");
  const std::string word = hex64(random[0]) + hex64(random[1]);
  PythonVerdict out;
  out.result = sandbox.run({python_path(), "-I", "-B", "main.py"},
                           {{"main.py", kHarness}, {"program.py", program}, {"word", word}});
  out.passed = out.result.verdict == word && !out.result.timed_out && !out.result.too_much_output;
  out.seconds = out.result.seconds;
  if (!out.passed) out.reason = reason_of(out.result);
  return out;
}

}  // namespace rouse
