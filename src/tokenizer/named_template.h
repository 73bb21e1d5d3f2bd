/// tokenizer/named_template.h - the built-in forms of conversations: "qa", and those that libllama knows by
/// name.
#pragma once

#include <string>
#include <vector>

#include "tokenizer/chat_message.h"

namespace rouse {

std::vector<std::string> chat_template_names();
bool is_chat_template_name(const std::string& name);
/// By one of those names. The messages' own text is not special.
std::vector<TextPart> named_chat_parts(const std::vector<ChatMessage>& messages, const std::string& name);

}  // namespace rouse
