/// tests/sandbox/fixture.h - every kind of isolation, begun as root and as another user.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "base/error.h"
#include "sandbox/python.h"

namespace rouse {

struct SandboxCase {
  Isolation isolation;
  bool root;
};

inline SandboxLimits tight() {
  SandboxLimits l;
  l.seconds = 2;
  l.memory_bytes = 256u << 20;
  return l;
}

class SandboxTest : public testing::TestWithParam<SandboxCase> {
 protected:
  void SetUp() override {
    if (GetParam().root && geteuid() != 0) GTEST_SKIP() << "only root can be root";
    try {
      (void)python_path();
      sandbox_ = std::make_unique<Sandbox>(tight(), isolation());
    } catch (const Error& e) {
      ASSERT_EQ(e.kind(), ErrorKind::no_sandbox);
      GTEST_SKIP() << e.what();
    }
  }
  Isolation isolation() const { return GetParam().isolation; }
  bool namespaces() const { return isolation() == Isolation::namespaces; }

  /// Calls use(out) in this process, or in a child that is another user; the text that it writes.
  template <class Use>
  std::string as_user(const Use& use) const {
    std::ostringstream here;
    if (GetParam().root || geteuid() != 0) return use(here), here.str();
    int fds[2];
    require(pipe(fds) == 0, "pipe");
    const pid_t child = fork();
    if (child == 0) {
      close(fds[0]);
      if (setresgid(54321, 54321, 54321) != 0 || setresuid(54321, 54321, 54321) != 0) _exit(1);
      prctl(PR_SET_DUMPABLE, 1);         // or /proc/self would still be root's
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // one process to whoever kills it
      use(here);
      const std::string text = here.str();
      const bool whole = write(fds[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
      _exit(whole ? 0 : 1);
    }
    close(fds[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(fds[0], buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(n));
    close(fds[0]);
    waitpid(child, nullptr, 0);
    return text;
  }

  PythonVerdict python(const std::string& program) const { return python(*sandbox_, program); }
  PythonVerdict python(const Sandbox& sandbox, const std::string& program) const {
    const std::string text = as_user([&](std::ostream& out) {
      const PythonVerdict v = run_python(sandbox, program);
      out << v.passed << ' ' << v.seconds << ' ' << v.result.exit_code << ' '
          << static_cast<int>(v.result.limit) << ' ' << v.reason.size() << ' ' << v.result.out.size() << ' '
          << v.result.err.size() << '\n'
          << v.reason << v.result.out << v.result.err;
    });
    PythonVerdict v;
    std::istringstream in(text);
    int limit = 0;
    size_t sizes[3] = {};
    in >> v.passed >> v.seconds >> v.result.exit_code >> limit >> sizes[0] >> sizes[1] >> sizes[2];
    in.get();
    v.result.limit = static_cast<Limit>(limit);
    v.result.seconds = v.seconds;
    std::string* const texts[] = {&v.reason, &v.result.out, &v.result.err};
    for (int i = 0; i < 3; ++i)
      texts[i]->resize(sizes[i]), in.read(texts[i]->data(), static_cast<long>(sizes[i]));
    EXPECT_TRUE(in.good()) << "the other user's run: " << text;
    return v;
  }
  /// With time enough on a busy machine: for what ends by itself.
  const Sandbox& patient() {
    SandboxLimits limits = tight();
    limits.seconds = 30;
    if (!patient_) patient_ = std::make_unique<Sandbox>(limits, isolation());
    return *patient_;
  }
  void expect_passes(const std::string& program) {
    const PythonVerdict v = python(patient(), program);
    EXPECT_TRUE(v.passed) << program << "\n" << v.reason << "\n" << v.result.err;
    EXPECT_EQ(v.reason, "");
  }
  /// And says why.
  void expect_fails(const std::string& program, const std::string& reason) {
    const PythonVerdict v = python(patient(), program);
    EXPECT_FALSE(v.passed) << program;
    EXPECT_NE(v.reason.find(reason), std::string::npos) << program << "\nsays: " << v.reason << "\n"
                                                        << v.result.err;
  }

  std::unique_ptr<Sandbox> sandbox_, patient_;
};

inline const SandboxCase kSandboxCases[] = {{Isolation::namespaces, true},
                                            {Isolation::namespaces, false},
                                            {Isolation::landlock, true},
                                            {Isolation::landlock, false}};
inline std::string sandbox_case_name(const testing::TestParamInfo<SandboxCase>& info) {
  return std::string(info.param.isolation == Isolation::namespaces ? "namespaces" : "landlock") +
         (info.param.root ? "_root" : "_user");
}
/// Each file of tests has a suite of its own: TEST_P(SUITE, Sentence).
#define ROUSE_SANDBOX_SUITE(suite)     \
  class suite : public SandboxTest {}; \
  INSTANTIATE_TEST_SUITE_P(Isolations, suite, testing::ValuesIn(kSandboxCases), sandbox_case_name)

}  // namespace rouse
