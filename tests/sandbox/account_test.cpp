/// Limits hold for all processes of a program together, whatever it does to those that watch it.

#include "sandbox/account.h"

#include <fstream>

#include "sandbox/fixture.h"

namespace rouse {

ROUSE_SANDBOX_SUITE(AccountTest);

namespace {

/// Processes of the machine that call themselves so.
int n_with_name(const std::string& name) {
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(entry.path() / "comm");
    std::string line;
    n += std::getline(in, line) && line == name;
  }
  return n;
}

}  // namespace

TEST_P(AccountTest, NoProgramStopsTheClock) {
  SandboxLimits limits = tight();
  limits.seconds = 0.5;
  const Sandbox sandbox(limits, isolation());
  const std::string name =
      "stop" + std::to_string(getpid()) + (GetParam().root ? "r" : "u") + (namespaces() ? "n" : "l");
  const std::string begin =
      "import ctypes, os, signal, time\nctypes.CDLL(None).prctl(15, b'" + name +
      "')\n"
      "def each(s):\n    for p in [0, -1, 1, os.getppid(), -os.getppid()] + [*range(2, 50)]:\n"
      "        if p != os.getpid():\n            try: os.kill(p, s)\n            except OSError: pass\n";
  for (const std::string& program : std::vector<std::string>{
           "os.kill(0, signal.SIGSTOP)\ntime.sleep(60)",
           "each(signal.SIGSTOP)\ntime.sleep(60)",
           "signal.signal(signal.SIGTERM, signal.SIG_IGN)\neach(signal.SIGTERM)\ntime.sleep(60)",
           "if os.fork() == 0: os.setsid()\neach(signal.SIGKILL)\ntime.sleep(60)",
           "if os.fork() == 0: time.sleep(60)\nos.killpg(0, signal.SIGKILL)",
           "for i in range(3):\n    if os.fork() == 0: os.setsid()\nos.kill(0, "
           "signal.SIGSTOP)\ntime.sleep(60)",
           "os.close(1)\nos.close(2)\nos.close(3)\nwhile True: pass",
           "while True: os.write(2, b'x' * 60000)",
           "while True: os.write(3, b'x' * 900)",
       }) {
    const PythonVerdict v = python(sandbox, begin + program);
    EXPECT_FALSE(v.passed) << program;
    EXPECT_LT(v.seconds, 4) << program;
    EXPECT_EQ(n_with_name(name), 0) << program;
  }
}

TEST_P(AccountTest, MemoryIsCountedOverAllProcesses) {
  SandboxLimits limits = tight();
  limits.seconds = 30, limits.memory_bytes = 96u << 20;
  const Sandbox sandbox(limits, isolation());
  const PythonVerdict children =
      python(sandbox,
             "import os, time\nfor i in range(13):\n    if os.fork() == 0:\n"
             "        x = bytearray(b'x') * (12 << 20)\n        time.sleep(60)\ntime.sleep(60)");
  EXPECT_EQ(children.reason, "memory limit of 100.7 MB");
  const PythonVerdict shared =
      python(sandbox,
             "import mmap, os, time\nfor i in range(6):\n    m = mmap.mmap(-1, 20 << 20)\n"
             "    for p in range(0, 20 << 20, 4096): m[p] = 1\n    if os.fork() == 0: time.sleep(60)\n"
             "    m.close()\ntime.sleep(60)");
  EXPECT_EQ(shared.result.limit, Limit::memory) << "it is in nobody's pages: " << shared.reason;
  const PythonVerdict once =
      python(sandbox,
             "import os, time\nx = bytearray(b'x') * (30 << 20)\nfor i in range(4):\n    if os.fork() == 0:\n"
             "        time.sleep(0.1)\n        os._exit(0)\nfor i in range(4): os.wait()");
  EXPECT_TRUE(once.passed) << "pages that children share are counted once: " << once.reason;
}

TEST_P(AccountTest, DiskIsCountedWithoutNamesToo) {
  SandboxLimits limits = tight();
  limits.seconds = 30, limits.folder_bytes = 8u << 20;
  const Sandbox sandbox(limits, isolation());
  const std::string begin = "import ctypes, os, time\nf = []\nfor i in range(6):\n";
  for (const std::string& program : std::vector<std::string>{
           // files that have no name any more
           "    f.append(open('a', 'wb'))\n    os.unlink('a')\n    f[-1].write(b'x' * (2 << 20))\n    "
           "f[-1].flush()",
           "    f.append(os.open('.', os.O_TMPFILE | os.O_RDWR))\n    os.write(f[-1], b'x' * (2 << 20))",
           // nor a descriptor
           "    l = ctypes.CDLL(None)\n    l.mmap.restype = ctypes.c_void_p\n"
           "    l.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]\n"
           "    f = os.open('a', os.O_CREAT | os.O_RDWR)\n    os.write(f, b'x' * (2 << 20))\n"
           "    assert l.mmap(None, 4096, 3, 1, f, 0)\n    os.unlink('a')\n    os.close(f)",
           // in folders without rights
           "    os.umask(0)\n    os.mkdir(str(i))\n    os.chdir(str(i))\n    open('a', 'wb').write(b'x' * (2 "
           "<< 20))\n"
           "    os.chdir('..')\n    os.umask(0o777)\n    os.mkdir('d')\n    os.rename(str(i), 'f' + "
           "str(i))\n    os.rename('d', str(i))",
       }) {
    const PythonVerdict v = python(sandbox, begin + program + "\ntime.sleep(60)");
    EXPECT_FALSE(v.passed) << program;
    if (namespaces()) {
      EXPECT_NE(v.reason.find("No space left on device"), std::string::npos) << program << v.reason;
    } else {
      EXPECT_EQ(v.result.limit, Limit::disk) << program << v.reason;
    }
  }
}

TEST_P(AccountTest, ProcessesAreBounded) {
  expect_fails("import os, time\nfor i in range(100):\n    if os.fork() == 0: time.sleep(60)",
               "BlockingIOError");
}

TEST(Account, DescendantsAreFoundAcrossSessions) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    if (fork() == 0) {
      setsid();
      (void)!write(fds[1], "x", 1);
      pause();
    }
    pause();
  }
  char c;
  ASSERT_EQ(read(fds[0], &c, 1), 1);
  const std::vector<pid_t> found = descendants(child);
  EXPECT_EQ(found.size(), 1u);
  EXPECT_EQ(descendants_by_parents(child), found);
  for (const pid_t p : found) kill(p, SIGKILL);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(fds[0]), close(fds[1]);
}

}  // namespace rouse
