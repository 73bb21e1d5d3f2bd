#include "base/table.h"

#include "base/known.h"
#include "base/text.h"
#include "support.h"

namespace rouse {

TEST(Table, IsWholeWhereTheWidthIsAnyOrEnough) {
  const Table table{{"method", "score"}, {"greedy", "1.0 [0.5, 1.5]"}, {"scmoe(beta=0.5)", ""}};
  const std::string whole =
      "  method           score\n"
      "  greedy           1.0 [0.5, 1.5]\n"
      "  scmoe(beta=0.5)\n";
  EXPECT_EQ(table_text(table), whole);
  EXPECT_EQ(table_text(table, 33), whole);
}

TEST(Table, ShortensItsNamesThenGoesOnInFurtherLines) {
  const std::string name = "greedy(routing=plan:a/very/long/folder.cor.json)";
  const Table table{{"method", "score", "experts"}, {name, "1.0 [0.5, 1.5]", "57.4"}};
  EXPECT_EQ(table_text(table, 54),
            "  method                       score           experts\n"
            "  greedy(routi...er.cor.json)  1.0 [0.5, 1.5]  57.4\n");
  for (const size_t width : {80, 54, 46, 40, 24})
    for (const std::string& line : split(table_text(table, width), '\n'))
      EXPECT_LE(line.size(), width) << table_text(table, width);
  const Table alike{
      {"method", "score"}, {"greedy(alpha=0.10,heads=2)", "1"}, {"greedy(alpha=0.25,heads=2)", "2"}};
  EXPECT_EQ(table_text(alike, 30),
            "  method\n"
            "      score\n"
            "  greedy(alpha=0.10,heads=2)\n"
            "      1\n"
            "  greedy(alpha=0.25,heads=2)\n"
            "      2\n")
      << "shortened they would be one";
}

TEST(Table, ShortenedKeepsBothEnds) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefgh", 6), "ab...h");
  EXPECT_EQ(shortened("\u00e9\u00e9\u00e9\u00e9\u00e9", 4), "\u00e9...");
  EXPECT_EQ(shortened("abcdef", 2), "..");
}

TEST(Known, NamesWhatThereIsAndWhatWasMeant) {
  const std::vector<std::string> known{"arc_easy", "gsm8k"};
  EXPECT_EQ(known_names("arc_esy", known), "; known: arc_easy, gsm8k; did you mean arc_easy?");
  EXPECT_EQ(known_names("zzz", known, " and more"), "; known: arc_easy, gsm8k and more");
  EXPECT_EQ(known_names("x", {}), "; known: none");
}

}  // namespace rouse
