#include "decoding/reasoning.h"

#include <gtest/gtest.h>

#include <vector>

namespace rouse {
namespace {

/// Text, or a control token where it begins with '\x01'.
using Pieces = std::vector<std::string>;
using Split = std::pair<std::string, std::string>;

Split split(const Pieces& pieces, const std::string& opened = "") {
  ReasoningSplitter s(opened);
  Split before;
  for (const std::string& piece : pieces) {
    if (piece.starts_with('\x01'))
      s.control(piece.substr(1));
    else
      s.text(piece);
    EXPECT_TRUE(s.reasoning().starts_with(before.first)) << "what was handed out stays";
    EXPECT_TRUE(s.answer().starts_with(before.second));
    before = {s.reasoning(), s.answer()};
  }
  s.finish();
  return {s.reasoning(), s.answer()};
}

Pieces characters(const std::string& text) {
  Pieces out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

}  // namespace

TEST(Reasoning, BetweenTagsIsNoAnswer) {
  const std::vector<Split> all = {
      {"<think>", "</think>"}, {"[THINK]", "[/THINK]"}, {"<|START_THINKING|>", "<|END_THINKING|>"}};
  for (const Split& tags : all) {
    const std::string text = tags.first + "\nOne, two.\n\n" + tags.second + "\n\nThree.\n";
    EXPECT_EQ(split({text}), Split("One, two.", "Three.\n"));
    EXPECT_EQ(split(characters(text)), Split("One, two.", "Three.\n")) << "cut anywhere";
    EXPECT_EQ(split({"\n", "\x01" + tags.first, "One", "\x01" + tags.second, "Two"}), Split("One", "Two"))
        << "tags that are control tokens";
  }
}

TEST(Reasoning, WhichThePromptHasOpenedBeginsAtOnce) {
  EXPECT_EQ(split(characters("One <b> </thin king>\n</think>\n\nTwo"), "<think>"),
            Split("One <b> </thin king>", "Two"));
  EXPECT_EQ(split({"\n<think>\nOne</think>Two"}, "<think>"), Split("One", "Two")) << "opened twice";
  EXPECT_EQ(split(characters("One, two </thi"), "<think>"), Split("One, two </thi", "")) << "cut off";
  EXPECT_EQ(split({"</think>\n\nTwo"}, "<think>"), Split("", "Two"));
  EXPECT_EQ(split(characters("thought\nOne<channel|>Two"), "<|channel>"), Split("One", "Two"));
  EXPECT_EQ(split(characters("thoughtful<channel|>Two"), "<|channel>"), Split("thoughtful", "Two"));
}

TEST(Reasoning, OnlyTheBeginningIsReasoning) {
  EXPECT_EQ(split(characters(" Write <think> and </think>.\n")), Split("", " Write <think> and </think>.\n"));
  EXPECT_EQ(split(characters("  <thi")), Split("", "  <thi"));
  EXPECT_EQ(split(characters("<think>a</think>b <think>c</think>")), Split("a", "b <think>c</think>"));
  EXPECT_EQ(split({}), Split("", ""));
  EXPECT_EQ(split({"\x01<|im_sep|>", "a", "\x01<|end|>", "b"}), Split("", "ab")) << "other control tokens";
}

TEST(Reasoning, IsEveryChannelOfHarmonyButTheLast) {
  const Pieces pieces = {"\x01<|channel|>",
                         "ana",
                         "lysis",
                         "\x01<|message|>",
                         "The user",
                         " asks.",
                         "\x01<|end|>",
                         "\x01<|start|>",
                         "assistant",
                         "\x01<|channel|>",
                         "commentary",
                         "\x01<|message|>",
                         "Look.",
                         "\x01<|end|>",
                         "\x01<|start|>",
                         "assistant",
                         "\x01<|channel|>",
                         "final",
                         "\x01<|message|>",
                         "It is 4.",
                         "\n"};
  EXPECT_EQ(split(pieces), Split("The user asks.\nLook.", "It is 4.\n"));
  EXPECT_EQ(split({"\x01<|channel|>", "final", "\x01<|constrain|>", "json", "\x01<|message|>", "{}"}),
            Split("", "{}"));
  EXPECT_EQ(split({"\x01<|channel|>", "analysis", "\x01<|message|>", "cut </think> off"}),
            Split("cut </think> off", ""));
}

TEST(Reasoning, IsOpenWhereAPromptEndsInItsTag) {
  EXPECT_EQ(open_reasoning("<|im_start|>assistant\n<think>\n"), "<think>");
  EXPECT_EQ(open_reasoning("<|im_start|>assistant\n<think>\n\n</think>\n\n"), "");
  EXPECT_EQ(open_reasoning("<|im_start|>assistant\n"), "");
  EXPECT_EQ(open_reasoning("<|turn>model\n<|channel>thought\n"), "<|channel>");
  EXPECT_EQ(open_reasoning(""), "");
}

}  // namespace rouse
