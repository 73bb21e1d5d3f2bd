/// tokenizer/chat_message.h - what goes into a chat template, and what comes out.
#pragma once

#include <string>

namespace rouse {

struct ChatMessage {
  std::string role, content;  ///< "system", "user" or "assistant"
};

/// A piece of a prompt. special: control tokens are meant where their text stands; else "</s>" is text.
struct TextPart {
  std::string text;
  bool special;
};

}  // namespace rouse
