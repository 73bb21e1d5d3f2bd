#include "session/prompt.h"

#include "base/error.h"
#include "decoding/reasoning.h"

namespace rouse {

TemplateOptions template_options(const PromptOptions& o) {
  TemplateOptions out = o.chat;
  out.special = o.special.value_or(false);
  return out;
}

static std::vector<TextPart> prompt_parts(const PromptOptions& o, const Tokenizer& tokenizer,
                                          const std::string& prompt) {
  std::vector<ChatMessage> messages = o.messages;
  if (messages.empty()) {
    if (prompt.empty()) throw Error("the prompt is empty", ErrorKind::usage, "prompt");
    if (o.raw) return {{prompt, o.special.value_or(true)}};
    messages.push_back({"user", prompt});
  }
  require_option(!o.raw, "raw", " does not go with messages: they are written by the chat template");
  if (!o.system.empty()) messages.insert(messages.begin(), {"system", o.system});
  return chat_parts(tokenizer, messages, template_options(o));
}

std::vector<int> prompt_tokens(const PromptOptions& o, const Tokenizer& tokenizer,
                               const std::string& prompt) {
  if (o.tokens.empty()) return tokenizer.encode(prompt_parts(o, tokenizer, prompt), true);
  for (size_t i = 0; i < o.tokens.size(); ++i)
    require_option(o.tokens[i] >= 0 && o.tokens[i] < tokenizer.n_vocab(), "tokens", "[", i, "] is ",
                   o.tokens[i], ", expected a token id of 0 to ", tokenizer.n_vocab() - 1);
  return o.tokens;
}

std::optional<std::string> reasoning_of(const PromptOptions& o, const Tokenizer& tokenizer,
                                        std::span<const int> prompt) {
  if (o.raw || !o.tokens.empty()) return std::nullopt;
  constexpr size_t kTail = 32;
  const size_t n = std::min(kTail, prompt.size());
  const std::span<const int> tail = prompt.last(n);
  return open_reasoning(tokenizer.decode({tail.begin(), tail.end()}, true));
}

EncodedPairs prompt_pair(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt,
                         const std::string& continuation) {
  if (o.tokens.empty())
    return encode_pairs(tokenizer, prompt_parts(o, tokenizer, prompt), {&continuation, 1}, EndSpace::context);
  EncodedPairs out{prompt_tokens(o, tokenizer, prompt), {}};
  const std::string text = tokenizer.decode(out.context);
  const std::vector<int> whole = tokenizer.encode(text + continuation, false, true);
  const size_t n = std::min(whole.size(), tokenizer.encode(text, false, true).size());
  out.continuations.emplace_back(whole.begin() + static_cast<std::ptrdiff_t>(n), whole.end());
  return out;
}

}  // namespace rouse
