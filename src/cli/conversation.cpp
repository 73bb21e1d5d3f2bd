#include "cli/conversation.h"

#include <algorithm>

#include "session/request.h"

namespace rouse {

std::vector<ChatMessage> Conversation::messages(size_t first) const {
  std::vector<ChatMessage> out;
  if (!system.empty()) out.push_back({"system", system});
  for (size_t i = first; i < exchanges.size(); ++i) {
    out.push_back({"user", exchanges[i].question});
    out.push_back({"assistant", exchanges[i].answer});
  }
  if (open) out.push_back({"user", *open});
  return out;
}

std::optional<std::string> Conversation::undo() {
  std::optional<std::string> question = std::move(open);
  open.reset();
  if (!question && !exchanges.empty()) {
    question = std::move(exchanges.back().question);
    exchanges.pop_back();
    n_left_out = std::min(n_left_out, exchanges.size());
  }
  return question;
}

Json conversation_json(const Conversation& conversation) {
  Json messages = Json::array();
  for (const ChatMessage& m : conversation.messages())
    messages.push_back({{"role", m.role}, {"content", m.content}});
  return {{"messages", std::move(messages)}};
}

Conversation read_conversation(const JsonValue& value) {
  const JsonValue list = value.json().is_array() ? value : value.at("messages");
  const std::vector<ChatMessage> messages = read_messages(list);
  Conversation out;
  for (size_t i = 0; i < messages.size(); ++i) {
    const auto& [role, content, extra] = messages[i];
    if (i == 0 && role == "system") {
      out.system = content;
      continue;
    }
    const char* expected = out.open ? "assistant" : "user";
    if (role != expected) list[i].at("role").refuse(expected);
    if (out.open) {
      out.exchanges.push_back({*std::move(out.open), content});
      out.open.reset();
    } else {
      out.open = content;
    }
  }
  return out;
}

}  // namespace rouse
