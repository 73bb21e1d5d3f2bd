/// True and false answers as texts.
#include "calibration/iti_read.h"

#include "support.h"

namespace rouse {

TEST(ItiRead, BothKindsOfRecordsBecomeTexts) {
  const ItiRecord records[] = {
      {"a:1", {{"question", "Q?"}, {"correct_answers", {"yes", "so"}}, {"incorrect_answers", {"no"}}}},
      {"a:2", {{"question", "The sky is"}, {"completion", " blue"}, {"contradictions", {" red"}}}}};
  const auto texts = iti_texts(records, "Q: {question}\nA: {answer}");
  ASSERT_EQ(texts.size(), 5u);
  EXPECT_EQ(texts[1].text, "Q: Q?\nA: so");
  EXPECT_TRUE(texts[1].truth);
  EXPECT_EQ(texts[2].text, "Q: Q?\nA: no");
  EXPECT_FALSE(texts[2].truth);
  EXPECT_EQ(texts[2].question, 0);
  EXPECT_EQ(texts[3].text, "The sky is blue") << "its question is a prompt already";
  EXPECT_EQ(texts[4].question, 1);
  EXPECT_NE(iti_hash(texts), iti_hash(std::span(texts).first(4)));
  const ItiRecord neither[] = {{"a:3", {{"question", "Q?"}, {"completion", "x"}}}};
  expect_refusal([&] { iti_texts(neither, ""); }, ErrorKind::usage, "a:3: neither correct_answers");
}

TEST(ItiRead, LinesAreReadUpToTheLimit) {
  const TempDir dir;
  std::ofstream(dir / "q.jsonl") << "{\"question\": \"a\"}\n\n{\"question\": \"b\"}\n{\"question\": \"c\"}\n";
  const auto records = read_iti_records(dir / "q.jsonl", 2);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].where, dir / "q.jsonl:3");
  EXPECT_EQ(read_iti_records(dir / "q.jsonl", 0).size(), 3u);
}

}  // namespace rouse
