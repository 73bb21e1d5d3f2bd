#include "tokenizer/named_template.h"

#include <llama.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

namespace rouse {
namespace {

/// "Question: ...\nAnswer:", the form of the benchmarks and of rouse-lab.
std::vector<TextPart> qa_parts(const std::vector<ChatMessage>& messages) {
  std::vector<TextPart> out;
  for (const ChatMessage& m : messages) {
    if (m.role == "assistant") out.push_back({" ", true});
    if (m.role == "user") out.push_back({"Question: ", true});
    out.push_back({m.content, false});
    out.push_back({m.role == "user" ? "\nAnswer:" : "\n\n", true});
  }
  return out;
}

std::string libllama_text(const std::vector<ChatMessage>& messages, const std::string& name) {
  std::vector<llama_chat_message> raw;
  size_t length = 256;
  for (const ChatMessage& m : messages) {
    raw.push_back({m.role.c_str(), m.content.c_str()});
    length += 2 * (m.role.size() + m.content.size()) + 64;
  }
  std::string out(length, '\0');
  for (;;) {
    const int n = llama_chat_apply_template(name.c_str(), raw.data(), raw.size(), true, out.data(),
                                            static_cast<int>(out.size()));
    require(n >= 0, "libllama does not know its chat template ", name);
    const bool whole = n <= static_cast<int>(out.size());
    out.resize(static_cast<size_t>(n));
    if (whole) return out;
  }
}

/// A string that occurs in none of the messages.
std::string mark_for(const std::vector<ChatMessage>& messages) {
  for (uint64_t n = 0;; ++n) {
    std::string mark = cat("\x02", hex64(mix64(n)));
    const auto holds = [&](const ChatMessage& m) { return m.content.find(mark) != std::string::npos; };
    if (std::none_of(messages.begin(), messages.end(), holds)) return mark;
  }
}

/// Renders with a mark in each message's place and looks where the marks are. White space around a message
/// stays beside its mark: some templates trim it.
std::vector<TextPart> libllama_parts(const std::vector<ChatMessage>& messages, const std::string& name) {
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  const std::string mark = mark_for(messages);
  std::vector<ChatMessage> marked = messages;
  std::vector<std::string> words;
  for (ChatMessage& m : marked) {
    const auto begin = std::find_if_not(m.content.begin(), m.content.end(), blank);
    const auto end = std::find_if_not(m.content.rbegin(), std::reverse_iterator(begin), blank).base();
    if (begin == end) continue;
    words.emplace_back(begin, end);
    m.content.replace(begin, end, cat(mark, words.size() - 1, ";"));
  }
  std::string rest = libllama_text(marked, name);
  std::vector<TextPart> parts;
  for (size_t at; (at = rest.find(mark)) != std::string::npos;) {
    const size_t number = at + mark.size(), end = rest.find(';', number);
    const auto i = parse_int(std::string_view(rest).substr(number, end - number));
    parts.push_back({rest.substr(0, at), true});
    parts.push_back({words.at(static_cast<size_t>(*i)), false});
    rest.erase(0, end + 1);
  }
  parts.push_back({rest, true});
  return parts;
}

}  // namespace

std::vector<std::string> chat_template_names() {
  std::vector<const char*> names(256);
  const int n = llama_chat_builtin_templates(names.data(), names.size());
  std::vector<std::string> out{"qa"};
  for (int i = 0; i < n && i < static_cast<int>(names.size()); ++i)
    out.emplace_back(names[static_cast<size_t>(i)]);
  return out;
}

bool is_chat_template_name(const std::string& name) {
  const std::vector<std::string> names = chat_template_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<TextPart> named_chat_parts(const std::vector<ChatMessage>& messages, const std::string& name) {
  return name == "qa" ? qa_parts(messages) : libllama_parts(messages, name);
}

}  // namespace rouse
