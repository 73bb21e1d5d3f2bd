#include "tokenizer/user_mask.h"

#include <algorithm>
#include <set>

#include "tokenizer/utf8_ranges.h"

namespace rouse {

/// The bytes of the character at its beginning.
static size_t character_length(std::string_view text) {
  size_t at = 0;
  return read_character(text, at) ? at : 1;
}

UserMask::UserMask(const std::vector<std::string>& names, const std::string& source,
                   const std::vector<ChatMessage>& messages, const Json& variables) {
  std::string texts;
  for (const ChatMessage& m : messages) texts += m.content;
  for (const auto& [name, value] : variables.items())
    if (value.is_string()) texts += value.get_ref<const std::string&>();
  std::set<std::string> first;
  for (const std::string& name : names) first.insert(name.substr(0, character_length(name)));
  constexpr uint32_t kPrivate = 0xF0000;  // a plane that no script uses
  uint32_t next = kPrivate;
  for (const std::string& character : first) {
    if (texts.find(character) == std::string::npos) continue;
    std::string disguise;
    do {
      disguise.clear();
      append_character(disguise, next++);
    } while (texts.find(disguise) != std::string::npos || source.find(disguise) != std::string::npos);
    pairs_.emplace_back(character, disguise);
  }
}

std::string UserMask::hidden(std::string_view text) const {
  std::string out;
  while (!text.empty()) {
    const auto pair =
        std::find_if(pairs_.begin(), pairs_.end(), [&](const auto& p) { return text.starts_with(p.first); });
    const size_t n = pair == pairs_.end() ? 1 : pair->first.size();
    out += pair == pairs_.end() ? text.substr(0, 1) : std::string_view(pair->second);
    text.remove_prefix(n);
  }
  return out;
}

std::vector<ChatMessage> UserMask::hidden(std::vector<ChatMessage> messages) const {
  for (ChatMessage& m : messages) m.content = hidden(std::string_view(m.content));
  return messages;
}

Json UserMask::hidden(Json variables) const {
  for (auto& [name, value] : variables.items())
    if (value.is_string()) value = hidden(std::string_view(value.get_ref<const std::string&>()));
  return variables;
}

std::vector<TextPart> UserMask::shown(const std::vector<TextPart>& parts) const {
  std::vector<TextPart> out;
  for (const TextPart& part : parts) {
    for (std::string_view rest = part.text; !rest.empty();) {
      const auto pair = std::find_if(pairs_.begin(), pairs_.end(),
                                     [&](const auto& p) { return rest.starts_with(p.second); });
      const bool special = part.special && pair == pairs_.end();
      if (out.empty() || out.back().special != special) out.push_back({"", special});
      out.back().text += pair == pairs_.end() ? rest.substr(0, 1) : std::string_view(pair->first);
      rest.remove_prefix(pair == pairs_.end() ? 1 : pair->second.size());
    }
  }
  return out;
}

}  // namespace rouse
