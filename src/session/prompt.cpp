#include "session/prompt.h"

#include "base/error.h"
#include "base/text.h"

namespace rouse {

static std::vector<TextPart> prompt_parts(const PromptOptions& o, const Tokenizer& tokenizer,
                                          const std::string& prompt) {
  require_usage(!prompt.empty(), "the prompt is empty");
  if (o.raw) return {{prompt, o.special.value_or(true)}};
  std::vector<ChatMessage> messages;
  if (!o.system.empty()) messages.push_back({"system", o.system});
  messages.push_back({"user", prompt});
  return tokenizer.chat_parts(messages, o.chat_template, o.special.value_or(false));
}

std::vector<int> prompt_tokens(const PromptOptions& o, const Tokenizer& tokenizer,
                               const std::string& prompt) {
  if (o.tokens.empty()) return tokenizer.encode(prompt_parts(o, tokenizer, prompt), true);
  std::vector<int> ids;
  for (const std::string& part : split(o.tokens, ',')) {
    const auto id = parse_int(trim(part));
    require_usage(id && *id >= 0 && *id < tokenizer.n_vocab(), "--tokens: \"", part,
                  "\" is no token id in 0..", tokenizer.n_vocab() - 1);
    ids.push_back(static_cast<int>(*id));
  }
  return ids;
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
