/// The tour on the default model.
#include <regex>

#include "base/unicode.h"
#include "support.h"

namespace rouse {

/// What it says is computed as it runs, so that a model or an engine that changes shows here.
TEST(Demo, TellsItsStoryWithin80Columns) {
  const CommandResult r = rouse("demo", "ROUSE_THREADS=1 ");
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.err, "");
  std::istringstream lines(r.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(code_points(line).size(), 80u) << line;
  const auto says = [&](const std::string& part) { EXPECT_NE(r.out.find(part), std::string::npos) << part; };
  for (const char* scene : {"1  A mixture of experts", "2  Who answered?", "3  Without one of them",
                            "4  One question, two routings", "5  Your own model"})
    says(scene);
  says("answer   New Delhi");
  says("all      New Delhi");
  EXPECT_FALSE(std::regex_search(r.out, std::regex("without +New Delhi"))) << "the expert made the answer";
  EXPECT_TRUE(std::regex_search(r.out, std::regex("the answer\\s+is [0-9]{2,} times")));
  says("The answer\n     is 192.");
  says("The answer\n     is 182.");
}

/// What it proposes for one's own model are commands that there are.
TEST(Demo, EndsWithCommandsThatExist) {
  const std::string out = rouse("demo --no-pause", "ROUSE_THREADS=1 ").out;
  const std::string last = out.substr(out.find("5  Your own model"));
  const std::regex command("rouse ([a-z]+) -?");
  int n = 0;
  for (std::sregex_iterator it(last.begin(), last.end(), command), end; it != end; ++it, ++n)
    EXPECT_EQ(rouse((*it)[1].str() + " --help").code, 0) << (*it)[1];
  EXPECT_EQ(n, 6);
}

}  // namespace rouse
