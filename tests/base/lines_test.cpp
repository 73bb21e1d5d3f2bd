#include "base/lines.h"

#include "base/files.h"
#include "support.h"

namespace rouse {
namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> out;
  for (LineReader in(path); in.next();) out.emplace_back(in.line());
  return out;
}

}  // namespace

TEST(Lines, ComeWithoutTheirEndsAndWithoutAByteOrderMark) {
  const TempDir dir;
  std::ofstream(dir / "a") << "\xEF\xBB\xBFone\r\n\ntwo\r\nlast";
  EXPECT_EQ(lines_of(dir / "a"), (std::vector<std::string>{"one", "", "two", "last"}));
  LineReader in(dir / "a");
  uint64_t ends[4];
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(in.next());
    ends[i] = in.end();
    EXPECT_EQ(in.whole(), i < 3);
    EXPECT_EQ(in.blank(), i == 1);
  }
  EXPECT_EQ(in.where(), dir / "a" + ":4");
  EXPECT_EQ(std::vector<uint64_t>(ends, ends + 4), (std::vector<uint64_t>{8, 9, 14, 18}));
  EXPECT_FALSE(in.next());
  std::ofstream(dir / "empty").flush();
  EXPECT_TRUE(lines_of(dir / "empty").empty());
}

TEST(Lines, AreBoundedAndNamed) {
  const TempDir dir;
  std::ofstream(dir / "a") << "ok\n" << std::string(200000, 'x') << "\nok\n";
  EXPECT_EQ(lines_of(dir / "a")[1].size(), 200000u) << "a line may be longer than a piece of the file";
  LineReader in(dir / "a", "trace", ErrorKind::bad_model, 1000);
  ASSERT_TRUE(in.next());
  expect_refusal([&] { in.next(); }, ErrorKind::bad_model, "a:2: is a line of more than 1000 bytes");
  expect_refusal([&] { LineReader(dir / "b", "trace", ErrorKind::bad_model); }, ErrorKind::bad_model,
                 "b: cannot open the trace");
  expect_refusal([&] { LineReader(dir.path.string(), "trace"); }, ErrorKind::usage, "cannot open the trace");
}

TEST(Files, WhatCannotBeReadIsNamed) {
  const TempDir dir;
  expect_refusal([&] { file_text(dir.path.string(), "prompt file"); }, ErrorKind::usage,
                 dir.path.string() + ": cannot read (Is a directory)");
  expect_refusal([&] { file_text(dir / "none", "prompt file"); }, ErrorKind::usage,
                 "none: cannot open the prompt file");
  const std::string text = std::string(200000, 'a') + '\0' + 'b';
  write_whole(dir / "text", text);
  EXPECT_EQ(file_text(dir / "text", "prompt file"), text);
}

TEST(LineLog, ReadingChangesNothingAndWritingDropsWhatWasCutOff) {
  const TempDir dir;
  const std::string path = dir / "log", cut = "one\ntwo\nthr";
  std::ofstream(path) << cut;
  LineLog log(path);
  std::vector<std::string> lines;
  log.read([&](std::string_view line, const std::string&) { lines.emplace_back(line); });
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(log.cut_off(), "thr");
  EXPECT_EQ(read_file(path), cut);
  log.add("three");
  EXPECT_EQ(read_file(path), "one\ntwo\nthree\n");
  LineLog fresh(dir / "fresh");
  fresh.read([](std::string_view, const std::string&) { ADD_FAILURE(); });
  EXPECT_FALSE(std::filesystem::exists(dir / "fresh"));
  fresh.add("a");
  EXPECT_EQ(read_file(dir / "fresh"), "a\n");
}

}  // namespace rouse
