/// Programs over Python's standard library end in the sandbox as they do in plain CPython. Their verdicts are
/// tools/golden/programs.py's.

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "sandbox/fixture.h"

namespace rouse {

ROUSE_SANDBOX_SUITE(ProgramsTest);

namespace {

nlohmann::json programs() {
  std::ifstream in(ROUSE_GOLDEN "/programs.json");
  return nlohmann::json::parse(in);
}

bool all_programs() {
  return std::getenv("ROUSE_ALL_PROGRAMS") != nullptr;
}

/// What Landlock alone cannot give fails by name instead of reaching the user's things.
bool expected(const nlohmann::json& row, bool namespaces) {
  return row["registered"].get<bool>() && (namespaces || !row.contains("needs"));
}

}  // namespace

// In one start: each program in a child and a folder of its own, as the harness would run it.
TEST_P(ProgramsTest, TheStandardLibraryWorksAsOutside) {
  nlohmann::json texts = nlohmann::json::array(), wanted = nlohmann::json::array();
  size_t n = 0;
  for (const auto& row : programs()) {
    // Root's and the user's runs share the work, where there are both.
    if (geteuid() == 0 && !all_programs() && (n++ % 2 == 0) != GetParam().root) continue;
    texts.push_back(row["program"]);
    wanted.push_back(static_cast<int>(expected(row, namespaces())));
  }
  ASSERT_GE(texts.size(), 100u);
  SandboxLimits limits;
  limits.seconds = 100;  // some seconds on an idle machine
  const Sandbox sandbox(limits, isolation());
  const PythonVerdict v = python(sandbox,
                                 "import os, sys, types, traceback\n"
                                 "assert sys.version_info >= (3, 11), 'old'\n"
                                 "texts = " +
                                     texts.dump(-1, ' ', true) + "\nwanted = " + wanted.dump() + R"(
for i, (text, passes) in enumerate(zip(texts, wanted)):
    os.mkdir(f'p{i}')
    child = os.fork()
    if child == 0:
        os.chdir(f'p{i}')
        log = os.open('log', os.O_CREAT | os.O_WRONLY)
        os.dup2(log, 1), os.dup2(log, 2)
        module = types.ModuleType('program')
        sys.modules['program'] = module
        try:
            exec(compile(text, '<string>', 'exec', dont_inherit=True), module.__dict__)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if (os.waitpid(child, 0)[1] == 0) != passes:
        print(f'should {"pass" if passes else "fail"}:\n{text}\n' + open(f'p{i}/log').read()[-300:])
)");
  if (v.reason.rfind("AssertionError: old", 0) == 0) GTEST_SKIP() << "the verdicts are those of Python 3.11";
  EXPECT_TRUE(v.passed) << v.reason << v.result.err;
  EXPECT_EQ(v.result.out, "");
}

TEST_P(ProgramsTest, TheHarnessJudgesEachAsOutside) {
  if (!python("import sys\nassert sys.version_info >= (3, 11)").passed)
    GTEST_SKIP() << "the verdicts are those of Python 3.11";
  int i = 0;
  SandboxLimits limits;
  limits.seconds = 20;
  const Sandbox sandbox(limits, isolation());
  for (const auto& row : programs()) {
    if (!all_programs() && i++ % 40 != 0) continue;
    const std::string program = row["program"];
    const PythonVerdict v = python(sandbox, program);
    EXPECT_EQ(v.passed, expected(row, namespaces())) << program << "\n" << v.reason;
  }
}

// Where a module of its own changes a verdict, the program passes here that the official harnesses fail.
TEST(Programs, AModuleOfItsOwnFailsNoProgramThatTheOfficialHarnessesPass) {
  for (const auto& row : programs())
    EXPECT_TRUE(row["registered"].get<bool>() || !row["official"].get<bool>()) << row["program"];
}

}  // namespace rouse
