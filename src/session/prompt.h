/// session/prompt.h - a prompt as tokens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tokenizer/chat_template.h"
#include "tokenizer/pair.h"

namespace rouse {

/// A prompt: one of a text, a conversation and tokens.
struct PromptOptions {
  std::string prompt;
  std::vector<ChatMessage> messages;
  std::vector<int> tokens;
  std::string file;      ///< of the command line alone, which reads it; a request never names a file
  TemplateOptions chat;  ///< how a text that is not raw, or a conversation, is written
  std::string system;
  bool raw = false;
  std::optional<bool> special;  ///< control tokens in the text count; where unset: with raw
};
/// With what `special` asks for.
TemplateOptions template_options(const PromptOptions& o);
/// As tokens, by the chat template unless it is raw. `prompt` stands for o.prompt. Throws Error (usage) when
/// there is none, or when a token is not in the vocabulary.
std::vector<int> prompt_tokens(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt);
inline std::vector<int> prompt_tokens(const PromptOptions& o, const Tokenizer& tokenizer) {
  return prompt_tokens(o, tokenizer, o.prompt);
}
/// What an answer to these tokens begins with, where they are a conversation: with text, or within the
/// reasoning that the template has opened; nothing: it is not split (decoding/reasoning.h).
std::optional<std::string> reasoning_of(const PromptOptions& o, const Tokenizer& tokenizer,
                                        std::span<const int> prompt);
/// The prompt, and a text that follows it, as the tokens of one text (tokenizer/pair.h). Tokens that were
/// given stay as they are.
EncodedPairs prompt_pair(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt,
                         const std::string& continuation);

}  // namespace rouse
