/// session/prompt.h - a prompt as tokens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tokenizer/pair.h"

namespace rouse {

struct PromptOptions {
  std::string prompt, file, tokens, chat_template, system;
  bool raw = false;
  std::optional<bool> special;  ///< control tokens in the text count; where unset: with --raw
};
/// The prompt as tokens, by --tokens, --raw or the chat template. Throws Error (exit 2) when there is none.
std::vector<int> prompt_tokens(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt);
/// The prompt, and a text that follows it, as the tokens of one text (tokenizer/pair.h). Tokens of --tokens
/// stay as they are.
EncodedPairs prompt_pair(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt,
                         const std::string& continuation);

}  // namespace rouse
