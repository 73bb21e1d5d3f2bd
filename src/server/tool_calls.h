/// server/tool_calls.h - calls of tools in what a model says, by the forms that templates teach.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace rouse {

struct ToolCall {
  std::string name;
  Json arguments = Json::object();
};

struct SaidWithCalls {
  std::string text;  ///< beside the calls
  std::vector<ToolCall> calls;
};

/// answer: what the model said, its reasoning apart. whole: all of it, with control tokens by their names.
/// Three forms: <tool_call>{"name", "arguments"}</tool_call> (Qwen, Hermes, Granite 4), <|tool_call|>[{...}]
/// (Granite 3), and harmony's messages to functions (GPT-OSS). What only looks like a call stays text.
SaidWithCalls split_tool_calls(const std::string& answer, const std::string& whole);

}  // namespace rouse
