#include "decoding/answer_text.h"

#include "base/text.h"
#include "support.h"
#include "tokenizer/small_vocabulary.h"

namespace rouse {
namespace {

struct Heard {
  std::string answer, reasoning, streamed_answer, streamed_reasoning;
};

/// What comes of these parts token by token.
Heard heard(const Tokenizer& tokenizer, const std::vector<TextPart>& parts, const GenerateOptions& options) {
  Heard out;
  AnswerText text(
      tokenizer, options, [&](const std::string& piece) { out.streamed_answer += piece; },
      [&](const std::string& piece) { out.streamed_reasoning += piece; });
  for (const int token : tokenizer.encode(parts, false)) {
    if (text.add(token)) break;
    text.publish();
  }
  text.finish();
  out.answer = text.answer();
  out.reasoning = text.reasoning();
  return out;
}

}  // namespace

TEST(AnswerText, SplitsReasoningWhileItStreams) {
  const TempDir dir;
  const GgufFile file(sentencepiece_file(dir));
  const Tokenizer t(file);
  const std::vector<TextPart> harmony = {{"<|channel|>analysis<|message|>hello the user", true},
                                         {"<|channel|>final<|message|>world", true}};
  const std::vector<TextPart> tags = {{"<think>hello</think>world, world", true}};
  // SentencePiece begins what stands behind a control token with a space.
  const auto words = [](const std::string& text) { return std::string(trim(text)); };
  const auto expect = [&](const std::vector<TextPart>& parts, const GenerateOptions& options,
                          const std::string& reasoning, const std::string& answer) {
    const Heard h = heard(t, parts, options);
    EXPECT_EQ(words(h.reasoning), reasoning);
    EXPECT_EQ(words(h.answer), answer);
    EXPECT_EQ(h.streamed_reasoning, h.reasoning);
    EXPECT_EQ(h.streamed_answer, h.answer);
  };
  GenerateOptions split;
  split.reasoning = "";
  expect(harmony, split, "hello the user", "world");
  expect(tags, split, "hello", "world, world");
  split.stop = {", w"};
  expect(tags, split, "hello", "world");
  split.stop = {};
  split.reasoning = "<think>";
  expect({{"hello</think> world", true}}, split, "hello", "world");
  const Heard whole = heard(t, tags, {});
  EXPECT_EQ(whole.answer, whole.streamed_answer);
  EXPECT_NE(whole.answer.find("</think>world"), std::string::npos) << "unless it is asked for";
}

}  // namespace rouse
