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

/// Every text of a value, the names of its fields too.
static void add_texts(const Json& value, std::string& texts) {
  if (value.is_string()) texts += value.get_ref<const std::string&>();
  if (value.is_array())
    for (const Json& child : value) add_texts(child, texts);
  if (value.is_object())
    for (const auto& [name, child] : value.items()) texts += name, add_texts(child, texts);
}

UserMask::UserMask(const std::vector<std::string>& names, const std::string& source,
                   const std::vector<ChatMessage>& messages, const Json& variables) {
  std::string texts;
  for (const ChatMessage& m : messages) {
    texts += m.content;
    add_texts(m.extra, texts);
  }
  add_texts(variables, texts);
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
  for (ChatMessage& m : messages) {
    m.content = hidden(std::string_view(m.content));
    if (m.extra.is_object()) m.extra = hidden(m.extra);
  }
  return messages;
}

/// Names of the first level are the template's own words.
Json UserMask::hidden(const Json& variables) const {
  Json out = Json::object();
  for (const auto& [name, value] : variables.items()) out[name] = hidden_value(value);
  return out;
}

Json UserMask::hidden_value(const Json& value) const {
  if (value.is_string()) return hidden(std::string_view(value.get_ref<const std::string&>()));
  if (!value.is_structured()) return value;
  Json out = value.is_object() ? Json::object() : Json::array();
  if (value.is_object())
    for (const auto& [name, child] : value.items()) out[hidden(std::string_view(name))] = hidden_value(child);
  else
    for (const Json& child : value) out.push_back(hidden_value(child));
  return out;
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
