/// session/prompt.h - a prompt as tokens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tokenizer/pair.h"

namespace rouse {

/// A prompt: one of a text, a conversation and tokens.
struct PromptOptions {
  std::string prompt;
  std::vector<ChatMessage> messages;
  std::vector<int> tokens;
  std::string file;  ///< of the command line alone, which reads it; a request never names a file
  std::string chat_template, system;
  bool raw = false;
  std::optional<bool> special;  ///< control tokens in the text count; where unset: with raw
};
/// As tokens, by the chat template unless it is raw. `prompt` stands for o.prompt. Throws Error (usage) when
/// there is none, or when a token is not in the vocabulary.
std::vector<int> prompt_tokens(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt);
inline std::vector<int> prompt_tokens(const PromptOptions& o, const Tokenizer& tokenizer) {
  return prompt_tokens(o, tokenizer, o.prompt);
}
/// The prompt, and a text that follows it, as the tokens of one text (tokenizer/pair.h). Tokens that were
/// given stay as they are.
EncodedPairs prompt_pair(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt,
                         const std::string& continuation);

}  // namespace rouse
