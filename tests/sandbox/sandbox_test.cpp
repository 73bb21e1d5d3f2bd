/// Programs that mean harm, and programs that do not.

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <regex>

#include "base/clock.h"
#include "base/text.h"
#include "eval/tasks/tasks.h"
#include "sandbox/fixture.h"
#include "sandbox/python.h"
#include "support.h"

namespace rouse {
namespace {

/// Processes of the machine that call themselves so.
int n_named(const std::string& name) {
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(entry.path() / "comm");
    std::string line;  // stays empty where the process ends before it is read
    n += std::getline(in, line) && line == name;
  }
  return n;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Isolations, SandboxTest, testing::ValuesIn(kSandboxCases), sandbox_case_name);

TEST_P(SandboxTest, AProgramThatEndsPassesAndOneThatFailsDoesNot) {
  EXPECT_TRUE(python("assert 1 + 1 == 2\nprint('fine')").passed);
  EXPECT_EQ(python("print('fine')").result.out, "fine\n");
  const auto wrong = python("assert 1 + 1 == 3, 'no'");
  EXPECT_FALSE(wrong.passed);
  EXPECT_NE(wrong.result.err.find("AssertionError: no"), std::string::npos) << wrong.result.err;
  EXPECT_FALSE(python("def f(:").passed);
  EXPECT_TRUE(python("import math, re, collections, itertools, heapq, json, random, datetime").passed);
}

TEST_P(SandboxTest, ExitingEarlyOrForgingTheVerdictFails) {
  for (const char* program :
       {"import os\nos._exit(0)", "import sys\nsys.exit(0)", "raise SystemExit(0)",
        "import os\nos.write(3, b'passed')\nos._exit(0)", "import os\nos.close(3)",
        "import os\nos.write = lambda *a: 1\nassert False",
        "import builtins\nbuiltins.AssertionError = None\nassert 1 == 2",
        "import os\nprint(open('/box/word').read())", "import os\nos.kill(os.getpid(), 9)",
        "import os\nif os.fork():\n    os._exit(0)\nassert False"})
    EXPECT_FALSE(python(program).passed) << program;
}

TEST_P(SandboxTest, BombsEndInTheirLimits) {
  EXPECT_FALSE(python("x = bytearray(1 << 30)").passed) << "memory";
  EXPECT_FALSE(python("x = []\nwhile True: x.append(' ' * (1 << 20))").passed) << "memory, bit by bit";
  SandboxLimits limits = tight();
  limits.seconds = 0.7;
  const Sandbox short_time(limits, isolation());
  const auto endless = python(short_time, "while True: print('x' * 1000)");
  EXPECT_EQ(endless.result.limit, Limit::time) << "what is too much is dropped, and the time goes on";
  EXPECT_LT(endless.result.out.size(), 1u << 20);
  const auto slow = python(short_time, "while True: pass");
  EXPECT_EQ(slow.result.limit, Limit::time);
  EXPECT_LT(slow.result.seconds, 4);
  EXPECT_FALSE(python("import os\nwhile True: os.fork()").passed) << "fork bomb";
  EXPECT_FALSE(python("open('/box/big', 'wb').write(b'x' * (100 << 20))").passed) << "disk";
}

TEST_P(SandboxTest, NothingOutsideCanBeReachedOrSeen) {
  const TempDir dir;
  std::ofstream(dir / "secret") << "treasure";
  for (const std::string& program : {
           "open('" + dir / "secret" + "').read()",
           std::string("import os\nassert os.listdir('/root') or os.listdir('/home')"),
           std::string("open('/etc/passwd').read()"),
           std::string("import socket\nsocket.socket()"),
           std::string("import socket\nsocket.socketpair(type=socket.SOCK_DGRAM)"),
           std::string("open('/usr/bin/mark', 'w')"),
           std::string("open('/mark', 'w')"),
           std::string(
               "import ctypes\nassert ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0"),
           std::string("import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0"),
           std::string("import ctypes\nassert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0"),
           std::string("import os\nos.setuid(0)\nos.chroot('/tmp')"),
           std::string("import os\nassert os.environ.get('HOME')"),
       })
    EXPECT_FALSE(python(program).passed) << program;
  const std::string seen =
      python("import os\nprint(len([p for p in os.listdir('/proc') if p.isdigit()]))").result.out;
  EXPECT_EQ(seen, namespaces() ? "2\n" : "")
      << "itself and the first process of its namespace; or /proc cannot be read";
}

TEST_P(SandboxTest, NothingSurvivesTheProgram) {
  const auto before =
      python("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n");
  EXPECT_TRUE(before.passed);
  EXPECT_LT(before.result.seconds, 2);
  const std::string name = cat("mark", getpid());  // tests run side by side
  const auto late = python(cat("import ctypes, os, time\nctypes.CDLL(None).prctl(15, b'", name,
                               "')\nfor i in range(5):\n    if os.fork() == 0:\n        os.setsid()\n"
                               "        time.sleep(60)\nprint('begun', flush=True)\ntime.sleep(60)"));
  EXPECT_EQ(late.result.limit, Limit::time);
  EXPECT_EQ(late.result.out, "begun\n") << late.result.err;
  EXPECT_EQ(n_named(name), 0);
  const auto killer = python(
      "import os, signal\nfor p in range(2, 100000):\n    try: os.kill(p, signal.SIGKILL)\n"
      "    except (ProcessLookupError, PermissionError): pass");
  if (namespaces())
    EXPECT_FALSE(killer.passed) << "it can only kill itself";
  else
    EXPECT_LT(killer.result.seconds, 2) << "it may have met nobody but itself";
  EXPECT_TRUE(python("pass").passed);
}

TEST_P(SandboxTest, TheProgramGoesWithWhoeverRanIt) {
  const std::string name = cat("lost", getpid());
  const TempDir dir;  // nobody is left to take the sandbox's folder away
  std::filesystem::permissions(dir.path, std::filesystem::perms::all);
  const pid_t runner = fork();
  if (runner == 0) {
    setenv("TMPDIR", dir.path.c_str(), 1);
    python(cat("import ctypes, time\nctypes.CDLL(None).prctl(15, b'", name, "')\ntime.sleep(60)"));
    _exit(0);
  }
  const double begin = now_seconds();
  while (n_named(name) == 0 && now_seconds() - begin < 1.9) usleep(1000);
  EXPECT_EQ(n_named(name), 1);
  kill(runner, SIGKILL);
  waitpid(runner, nullptr, 0);
  while (n_named(name) > 0 && now_seconds() - begin < 10) usleep(1000);
  EXPECT_EQ(n_named(name), 0);
}

TEST_P(SandboxTest, ManyFilesAreBoundedToo) {
  EXPECT_FALSE(python("import time\nfor i in range(4):\n    open(str(i), 'wb').write(b'x' * (30 << 20))\n"
                      "time.sleep(0.5)")
                   .passed);
}

TEST_P(SandboxTest, FilesOfTheUserKeepTheirModes) {
  const TempDir dir;
  std::ofstream(dir / "mine") << "treasure";
  std::filesystem::permissions(dir.path, std::filesystem::perms::all);
  for (const char* call :
       {"os.chmod(%, 0)", "os.utime(%)", "os.setxattr(%, 'user.x', b'1')", "os.truncate(%, 0)",
        "os.unlink(%)", "os.rename(%, 'here')", "os.link(%, 'here')"}) {
    const std::string text = call;
    const size_t at = text.find('%');
    const std::string program =
        cat("import os\n", text.substr(0, at), "'", dir / "mine", "'", text.substr(at + 1));
    EXPECT_FALSE(python(program).passed) << program;
  }
  EXPECT_EQ(read_file(dir / "mine"), "treasure");
}

/// In a user namespace of one user there is nobody to become: isolated all the same, or refused with its own
/// exit code.
TEST_P(SandboxTest, ANamespaceOfASingleUserIsIsolatedOrRefused) {
  const std::string text = as_user([&](std::ostream& out) {
    const pid_t child = fork();
    if (child == 0) {
      const std::string users = cat("0 ", geteuid(), " 1"), groups = cat("0 ", getegid(), " 1");
      if (unshare(CLONE_NEWUSER) != 0) _exit(0);
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << users;
      std::ofstream("/proc/self/gid_map") << groups;
      try {
        const Sandbox sandbox(tight(), isolation());
        _exit(run_python(sandbox, "print('here')").passed &&
                      !run_python(sandbox, "open('/etc/passwd')").passed
                  ? 0
                  : 1);
      } catch (const Error& e) {
        _exit(e.kind() == ErrorKind::no_sandbox ? 0 : 2);
      }
    }
    int status = 0;
    waitpid(child, &status, 0);
    out << status;
  });
  EXPECT_EQ(text, "0");
}

TEST(Sandbox, RefusesWhatItCannotIsolate) {
  SandboxLimits none = tight();
  none.memory_bytes = 1 << 12, none.n_process = 0;  // not even a shell starts
  expect_refusal([&] { Sandbox(none, false); }, ErrorKind::no_sandbox,
                 "cannot isolate model-written programs (");
  EXPECT_EQ(Sandbox(none, true).level(), "none but limits (unsafe)");
}

TEST(Sandbox, WithoutIsolationTheLimitsHold) {
  SandboxLimits limits = tight();
  limits.seconds = 1;
  const Sandbox sandbox(limits, Isolation::none);
  EXPECT_TRUE(run_python(sandbox, "print('fine')").passed);
  EXPECT_EQ(run_python(sandbox, "import os\nos.kill(0, 19)").result.limit, Limit::time);
  EXPECT_EQ(
      run_python(sandbox, "open('x', 'wb').write(b'x' * (70 << 20))").reason.rfind("OSError: [Errno 27]", 0),
      0u);
}

/// Of a user whose own limits are lower already.
TEST_P(SandboxTest, LowerLimitsOfTheUserStay) {
  const std::string text = as_user([&](std::ostream& out) {
    const rlimit few{40, 40};
    const pid_t child = fork();
    if (child == 0) {
      setrlimit(RLIMIT_NOFILE, &few);
      _exit(run_python(*sandbox_,
                       "import resource\nassert resource.getrlimit(resource.RLIMIT_NOFILE) == (40, 40)")
                .passed);
    }
    int status = 0;
    waitpid(child, &status, 0);
    out << WEXITSTATUS(status);
  });
  EXPECT_EQ(text, "1");
}

/// Every reference solution of the data at hand passes; with its return value broken it fails.
TEST_P(SandboxTest, ReferenceSolutionsPassAndBrokenOnesFail) {
  const char* set = std::getenv("ROUSE_DATA");
  const std::string folder = set ? set : std::string(ROUSE_GOLDEN) + "/../../../shared/data";
  if (!std::filesystem::exists(folder + "/humaneval.jsonl")) GTEST_SKIP() << folder << " holds no benchmarks";
  const bool all = std::getenv("ROUSE_ALL_PROGRAMS") != nullptr;
  TaskInput input;
  input.folder = folder;
  input.n_shot = 0;
  SandboxLimits limits;
  limits.seconds = 60;  // the slowest needs four on an idle machine
  const Sandbox sandbox(limits, isolation());
  for (const TaskEntry* task : {&kHumaneval, &kMbpp}) {
    int n = 0;
    const LoadedTask loaded = load_task(*task, input, all ? 0 : 12, 1);
    EXPECT_TRUE(loaded.errors.empty());
    for (const Item& item : loaded.items) {
      const std::string solution = item.target;
      const auto verdict = python(sandbox, task->program(item, solution));
      EXPECT_TRUE(verdict.passed) << item.id << "\n" << verdict.reason << "\n" << verdict.result.err;
      std::string name = task == &kHumaneval ? item.doc["entry_point"].get<std::string>() : "";
      if (name.empty()) {
        const std::string test = item.doc["test_list"][0];
        for (size_t at = solution.find("def "); at != std::string::npos; at = solution.find("def ", at + 4)) {
          const std::string one(trim(solution.substr(at + 4, solution.find('(', at) - at - 4)));
          if (std::regex_search(test, std::regex("\\b" + one + "\\s*\\("))) name = one;
        }
      }
      ASSERT_FALSE(name.empty()) << item.id;
      const std::string broken =
          solution + "\n\n_right = " + name + "\ndef " + name +
          "(*a, **k):\n    _right(*a, **k)\n    return type('Nothing', (), {'__eq__': lambda s, o: "
          "False, '__abs__': lambda s: float('inf'), '__sub__': lambda s, o: s, '__rsub__': "
          "lambda s, o: s, '__bool__': lambda s: 0 / 0})()\n";
      EXPECT_FALSE(python(sandbox, task->program(item, broken)).passed) << item.id;
      ++n;
    }
    EXPECT_GE(n, 12);
  }
}

}  // namespace rouse
