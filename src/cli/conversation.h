/// cli/conversation.h - what was said in a chat, and how it is kept in a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "tokenizer/chat_message.h"

namespace rouse {

struct Exchange {
  std::string question, answer;
};

struct Conversation {
  std::string system;  ///< empty: none
  std::vector<Exchange> exchanges;
  std::optional<std::string> open;  ///< a question that has no answer (yet)
  size_t n_left_out = 0;            ///< of the oldest exchanges, which the model is not shown any more

  /// All of it, without the `first` oldest exchanges.
  std::vector<ChatMessage> messages(size_t first = 0) const;
  /// Takes the open question away, or else the last exchange. Returns its question; nothing: there is none.
  std::optional<std::string> undo();
};

/// {"messages": [{"role", "content"}, ...]}: what a request and a line of `run --batch` take.
Json conversation_json(const Conversation& conversation);
/// The same, or the list alone. Throws Error (usage) unless messages of user and assistant take turns, behind
/// a system message or none.
Conversation read_conversation(const JsonValue& value);

}  // namespace rouse
