/// tokenizer/chat_message.h - what goes into a chat template, and what comes out.
#pragma once

#include <string>

#include "base/json.h"

namespace rouse {

struct ChatMessage {
  std::string role, content;  ///< "system", "user" or "assistant"; where tools are shown also "tool"
  /// What else the template sees of it, an object: {"tool_calls": [...]}, {"tool_call_id", "name"}; or null.
  Json extra = nullptr;
};

/// A piece of a prompt. special: control tokens are meant where their text stands; else "</s>" is text.
struct TextPart {
  std::string text;
  bool special;
};

}  // namespace rouse
