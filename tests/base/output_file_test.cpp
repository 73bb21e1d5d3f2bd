#include "base/output_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "support.h"

namespace rouse {
namespace {

size_t n_entry(const TempDir& dir) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(dir.path), {}));
}

}  // namespace

TEST(OutputFile, IsThereWholeOrNotAtAll) {
  const TempDir dir;
  {
    OutputFile file(dir / "a", false);
    file.stream() << "half";
    EXPECT_FALSE(std::filesystem::exists(dir / "a"));
  }
  EXPECT_EQ(n_entry(dir), 0u) << "nothing of it stays";
  {
    OutputFile file(dir / "a", false);
    file.stream() << "whole";
    file.commit();
    EXPECT_EQ(read_file(dir / "a"), "whole");
  }
  EXPECT_EQ(n_entry(dir), 1u);
}

TEST(OutputFile, AFinishedProductIsReplacedOnlyWhenAsked) {
  const TempDir dir;
  std::ofstream(dir / "a") << "old";
  expect_refusal([&] { OutputFile(dir / "a", false); }, ErrorKind::usage, "is there already");
  EXPECT_EQ(read_file(dir / "a"), "old");
  OutputFile file(dir / "a", true);
  file.stream() << "new";
  EXPECT_EQ(read_file(dir / "a"), "old") << "until the new one is whole";
  file.commit();
  EXPECT_EQ(read_file(dir / "a"), "new");
}

TEST(OutputFile, RefusesWhatCouldNotBeWrittenAndWhatIsRead) {
  const TempDir dir;
  std::ofstream(dir / "in") << "in";
  const std::vector<std::string> inputs{"", dir / "in"};
  expect_refusal([&] { OutputFile(dir / "in", true, inputs); }, ErrorKind::usage, "is read by this command");
  std::filesystem::create_symlink(dir / "in", dir / "link");
  expect_refusal([&] { OutputFile(dir / "link", true, inputs); }, ErrorKind::usage,
                 "is read by this command");
  expect_refusal([&] { OutputFile(dir / "no/a", false); }, ErrorKind::usage, "there is no folder");
  expect_refusal([&] { OutputFile(dir.path.string(), true); }, ErrorKind::usage, "is a folder");
  EXPECT_EQ(n_entry(dir), 2u);
}

TEST(OutputFile, ALinkStaysALinkAndADeviceADevice) {
  const TempDir dir;
  std::ofstream(dir / "file") << "old";
  std::filesystem::create_symlink(dir / "file", dir / "link");
  write_whole(dir / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
  EXPECT_EQ(read_file(dir / "file"), "new");
  write_whole("/dev/null", "lost");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_FALSE(std::filesystem::exists("/dev/null.partial"));
  expect_refusal([] { (void)OutputFile("/dev/null", false).file(); }, ErrorKind::usage, "is not a file");
  OutputFile full("/dev/full", false);
  full.stream() << "x";
  expect_refusal([&] { full.commit(); }, ErrorKind::internal,
                 "/dev/full: cannot write (No space left on device)");
}

TEST(Lock, HoldsOthersOffAndNamesWhoHasIt) {
  const TempDir dir;
  {
    const Lock lock(dir / "a");
    expect_refusal([&] { Lock(dir / "a"); }, ErrorKind::usage,
                   cat("another rouse (process ", getpid(), ") is at work"));
    expect_refusal([&] { OutputFile(dir / "a", false); }, ErrorKind::usage, "another rouse");
    const Lock other(dir / "b"), folder(dir.path.string());
  }
  EXPECT_EQ(n_entry(dir), 0u);
  const Lock again(dir / "a");
}

TEST(Lock, GoesWithAProcessThatIsKilled) {
  const TempDir dir;
  if (const pid_t child = fork(); child > 0) {
    waitpid(child, nullptr, 0);
  } else {
    new Lock(dir / "a");
    _exit(0);
  }
  EXPECT_TRUE(std::filesystem::exists(dir / "a.lock")) << "left behind, and held by nobody";
  const Lock lock(dir / "a");
}

}  // namespace rouse
