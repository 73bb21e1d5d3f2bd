/// `rouse advise` as one types it, on the default model.
#include <filesystem>

#include "base/files.h"
#include "base/unicode.h"
#include "support.h"

namespace rouse {

TEST(AdviseCli, TriesTheDefaultModelOnWhatComesWithRouse) {
  const TempDir dir;
  const std::string folder = dir / "advice";
  const CommandResult r = rouse("advise --budget 12s -o " + folder);
  ASSERT_EQ(r.code, 0) << r.err;
  std::istringstream lines(r.out);
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(line.find(folder) != std::string::npos || code_points(line).size() <= 80u) << line;
  for (const char* part : {"6 blocks of 16 experts", "What will be run", "lab_facts"})
    EXPECT_NE((r.out + r.err).find(part), std::string::npos) << part << r.out << r.err;
  for (const char* part : {"topk:1", "topk:3", "scmoe", "Try next"})
    EXPECT_NE(r.out.find(part), std::string::npos) << part << r.out;
  EXPECT_TRUE(std::filesystem::exists(folder + "/advice.html"));
  const Json json = parse_json(rouse("advise --json --budget 12s -o " + folder).out, "advice");
  EXPECT_EQ(json["measured"], read_json(folder + "/advice.json")["measured"]) << "nothing was run again";
}

TEST(AdviseCli, ADryRunLeavesNothing) {
  const TempDir dir;
  const CommandResult r = rouse("advise --dry-run -o " + (dir / "advice"));
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("headroom"), std::string::npos) << r.err;
  EXPECT_TRUE(std::filesystem::is_empty(dir.path));
}

TEST(AdviseCli, RefusesByName) {
  for (const auto& [arguments, wanted] :
       {std::pair{"--budget soon", "--budget is \"soon\", expected a time such as 90s, 20m or 2h"},
        {"--tasks gsm9k", "gsm8k"},
        {"--text nothing.jsonl", "nothing.jsonl"},
        {"-m " ROUSE_GOLDEN "/llama.gguf", "dense"}}) {
    const TempDir dir;
    const CommandResult r = rouse(cat("advise -o ", dir / "a", " ", arguments));
    EXPECT_EQ(r.code, 2) << arguments << r.err;
    EXPECT_NE(r.err.find(wanted), std::string::npos) << r.err;
  }
}

}  // namespace rouse
