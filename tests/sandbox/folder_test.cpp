/// Nothing of a program stays on the disk.

#include "sandbox/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>

#include "sandbox/fixture.h"

namespace rouse {

ROUSE_SANDBOX_SUITE(FolderTest);

namespace {

namespace fs = std::filesystem;

/// A place for temporary files of its own.
struct TemporaryPlace {
  TemporaryPlace() {
    std::string name = (fs::temp_directory_path() / "rouse-folder-test-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "mkdtemp");
    path = name;
    fs::permissions(path, fs::perms::all);
    old = std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "";
    setenv("TMPDIR", path.c_str(), 1);
  }
  ~TemporaryPlace() {
    old.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", old.c_str(), 1);
    fs::remove_all(path);
  }
  fs::path path;
  std::string old;
};

size_t n_left(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_P(FolderTest, WhateverAProgramLeavesGoesAway) {
  const TemporaryPlace place;
  for (const std::string& program : std::vector<std::string>{
           "open('a', 'w').write('1')",
           "import os\nos.umask(0o777)\nos.mkdir('a')\nopen('b', 'w')",
           "import os\nos.makedirs('a/b/c')\nopen('a/b/c/d', 'w')\nos.mkdir('a/b/e', "
           "0)\nos.mkdir('moved-0')\nopen('moved-1', 'w')",
           "import os\nfor i in range(2000):\n    os.mkdir('d')\n    os.chdir('d')",
           "import os\nos.symlink('/usr', 'a')\nos.mkfifo('b')\nos.mkdir('c')\nos.symlink('/', 'c/d')",
           "import os\nos.mkdir('-')\nos.mkdir('new\\nline')\nopen(b'\\xff', 'w')\nos._exit(9)",
           "for i in range(1000): open(str(i), 'w')",
       }) {
    const PythonVerdict v = python(program);
    EXPECT_LT(v.seconds, 3) << program;
    EXPECT_EQ(n_left(place.path), 0u) << program;
  }
  EXPECT_TRUE(fs::exists("/usr/bin"));
}

TEST_P(FolderTest, ThousandsOfNestedFoldersCostNeitherTimeNorMemory) {
  const PythonVerdict v = python(
      patient(), "import os\nfor i in range(20000):\n    os.mkdir('d')\n    os.chdir('d')\nwhile True: pass");
  EXPECT_FALSE(v.passed);
  EXPECT_LT(v.seconds, 10);
  EXPECT_TRUE(namespaces() || v.result.limit == Limit::disk) << v.reason;
}

TEST_P(FolderTest, ARefusedStartLeavesNothing) {
  const TemporaryPlace place;
  SandboxLimits none = tight();
  none.memory_bytes = 4096, none.n_process = 0;
  const std::string text = as_user([&](std::ostream& out) {
    try {
      const Sandbox refused(none, isolation());
      out << "begun";
    } catch (const Error& e) {
      out << (e.kind() == ErrorKind::no_sandbox ? "no sandbox" : e.what());
    }
  });
  EXPECT_EQ(text, "no sandbox");
  EXPECT_EQ(n_left(place.path), 0u);
}

TEST(Folder, WhatAKilledRouseLeftIsTakenAwayAndWhatIsInUseIsNot) {
  const TemporaryPlace place;
  const ThrowAwayFolder used;
  const fs::path left = place.path / "rouse-sandbox-left", young = place.path / "rouse-sandbox-young";
  for (const fs::path& p : {left / "a" / "b", young}) fs::create_directories(p);
  for (const fs::path& p : {left, young}) ASSERT_TRUE(geteuid() != 0 || chown(p.c_str(), 65534, 65534) == 0);
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const fs::path& p : {left, fs::path(used.path())}) fs::last_write_time(p, old);
  remove_left_folders();
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_TRUE(fs::exists(used.path()));
}

TEST(Folder, UseCountsBlocksOnceAndStopsAtItsBounds) {
  const TemporaryPlace place;
  std::ofstream(place.path / "a") << std::string(100000, 'x');
  fs::create_hard_link(place.path / "a", place.path / "b");
  fs::create_symlink("/usr", place.path / "c");
  const FolderUse use = folder_use(place.path.string());
  EXPECT_GE(use.bytes, 100000u);
  EXPECT_LT(use.bytes, 150000u);
  EXPECT_TRUE(use.bounded);
  fs::path deep = place.path;
  for (int i = 0; i < kMostDepth + 1; ++i) deep /= "d";
  fs::create_directories(deep);
  EXPECT_FALSE(folder_use(place.path.string()).bounded);
}

}  // namespace rouse
