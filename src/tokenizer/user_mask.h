/// tokenizer/user_mask.h - texts of messages in disguise: what could begin a control token's name is another
/// character while a template is rendered, so that no way through the template makes one of it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tokenizer/chat_message.h"

namespace rouse {

class UserMask {
 public:
  /// names: of control tokens. source: the template, in which no disguise must occur, as in the texts.
  UserMask(const std::vector<std::string>& names, const std::string& source,
           const std::vector<ChatMessage>& messages, const Json& variables);
  /// Whether a text holds a character with which a name begins.
  bool needed() const { return !pairs_.empty(); }
  std::vector<ChatMessage> hidden(std::vector<ChatMessage> messages) const;
  /// Its texts, however deep, and the names of what it holds below the first level.
  Json hidden(const Json& variables) const;
  /// Without the disguises, whose characters are not special.
  std::vector<TextPart> shown(const std::vector<TextPart>& parts) const;

 private:
  std::string hidden(std::string_view text) const;
  Json hidden_value(const Json& value) const;
  std::vector<std::pair<std::string, std::string>> pairs_;  ///< a character, and its disguise
};

}  // namespace rouse
