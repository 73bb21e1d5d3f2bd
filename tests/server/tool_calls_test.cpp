/// Calls in the words of the families that make them.
#include "server/tool_calls.h"

#include <gtest/gtest.h>

namespace rouse {
namespace {

std::string seen(const std::string& answer, const std::string& whole) {
  const SaidWithCalls said = split_tool_calls(answer, whole);
  std::string out = said.text;
  for (const ToolCall& call : said.calls) out += " | " + call.name + " " + call.arguments.dump();
  return out;
}
std::string seen(const std::string& answer) {
  return seen(answer, answer);
}

}  // namespace

TEST(ToolCalls, OfQwenStandBetweenTags) {
  EXPECT_EQ(
      seen("I look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\n<tool_call>\n"
           "{\"name\": \"g\", \"arguments\": {}}\n</tool_call>"),
      "I look. | f {\"a\":1} | g {}");
  EXPECT_EQ(seen("<tool_call>{\"name\": \"f\", \"arguments\": {\"t\": \"</x>\"}}"), " | f {\"t\":\"</x>\"}");
}

TEST(ToolCalls, OfGraniteAreAList) {
  EXPECT_EQ(seen("[{\"name\": \"f\", \"arguments\": {\"a\": \"b\"}}]",
                 "<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": \"b\"}}]<|end_of_text|>"),
            " | f {\"a\":\"b\"}");
}

TEST(ToolCalls, OfHarmonyAreMessagesToFunctions) {
  EXPECT_EQ(
      seen("",
           "<|channel|>analysis<|message|>Weather, so to=functions.x.<|end|><|start|>assistant<|channel|>"
           "commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\":\"Oslo\"}<|call|>"),
      " | get_weather {\"city\":\"Oslo\"}");
  EXPECT_EQ(seen("", "<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{}<|call|>"),
            " | f {}");
}

TEST(ToolCalls, ThatAreNoneStayText) {
  for (const std::string text :
       {"", "Paris", "<tool_call>Paris</tool_call>", "<tool_call>{\"name\": 1}</tool_call> x", "<tool_call>",
        "[{\"name\": \"f\"}]", "to=functions.f <|message|>{}"})
    EXPECT_EQ(seen(text), text);
  EXPECT_EQ(seen("Hi", "<|channel|>final<|message|>to=functions.f is what I mean<|return|>"), "Hi");
}

}  // namespace rouse
