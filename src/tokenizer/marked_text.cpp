/// tokenizer/marked_text.cpp - prompts whose pieces come from different hands: a template's control tokens
/// count, the same characters in a user's message do not.
///
/// libllama reads control tokens in all of a text or in none. So its first step, cutting a text at the tokens
/// that are found by their name, is taken here, where each byte knows whose it is; what lies between is
/// tokenised by libllama as ever. With one hand for all, both give the same ids.
#include <llama.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/error.h"
#include "tokenizer/tokenizer.h"

namespace rouse {
namespace {

/// Tokens that only special text may name. An end token can be one and user-defined at once.
constexpr int kSpecial = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN;
constexpr int kNamed = kSpecial | LLAMA_TOKEN_ATTR_USER_DEFINED;

/// Bytes of a text, or the token that stands for them.
struct Fragment {
  size_t begin, end;
  int token = -1;
};

struct MarkedText {
  std::string text;
  std::vector<bool> special;  ///< of each byte
  bool all_special(size_t begin, size_t end) const {
    return std::find(special.begin() + static_cast<std::ptrdiff_t>(begin),
                     special.begin() + static_cast<std::ptrdiff_t>(end),
                     false) == special.begin() + static_cast<std::ptrdiff_t>(end);
  }
};

struct NamedToken {
  int token;
  std::string_view name;
  int attributes;
  bool found_anyway;  ///< libllama finds it in plain text too
};

bool blank(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

/// Cuts a fragment at every place of a token's name, from left to right.
void cut(const MarkedText& marked, Fragment rest, const NamedToken& named, std::vector<Fragment>& out) {
  const auto& [token, name, attributes, found_anyway] = named;
  const std::string_view text = marked.text;
  size_t from = rest.begin;
  for (;;) {
    const size_t at = text.substr(0, rest.end).find(name, from);
    if (at == std::string_view::npos) break;
    const size_t end = at + name.size();
    if (attributes & kSpecial && !marked.all_special(at, end)) {
      from = at + 1;
      if (found_anyway) {  // unless no stretch of plain text holds it whole
        out.push_back({rest.begin, from});
        rest.begin = from;
      }
      continue;
    }
    size_t left = at;
    if (attributes & LLAMA_TOKEN_ATTR_LSTRIP)
      while (left > rest.begin && blank(text[left - 1])) --left;
    if (left > rest.begin) out.push_back({rest.begin, left});
    out.push_back({at, end, token});
    rest.begin = end;
    if (attributes & LLAMA_TOKEN_ATTR_RSTRIP)
      while (rest.begin < rest.end && blank(text[rest.begin])) ++rest.begin;
    from = rest.begin;
  }
  if (rest.begin < rest.end) out.push_back(rest);
}

}  // namespace

/// Of libllama, but a control token of the file stays one: libllama makes harmony's (<|channel|>, <|start|>,
/// ...) user-defined, to show them, and would find them in a user's text.
int Tokenizer::attributes(int token) const {
  return llama_vocab_get_attr(vocab_, token) | (shown_controls_.count(token) ? LLAMA_TOKEN_ATTR_CONTROL : 0);
}

void Tokenizer::find_named_tokens(const GgufFile& file) {
  constexpr const char* kTypes = "tokenizer.ggml.token_type";
  constexpr int64_t kControl = 3;  // of GGUF
  const std::vector<int64_t> types = file.has(kTypes) ? file.integers(kTypes) : std::vector<int64_t>();
  for (int token = 0; token < std::min(n_vocab(), static_cast<int>(types.size())); ++token)
    if (types[static_cast<size_t>(token)] == kControl && !(llama_vocab_get_attr(vocab_, token) & kSpecial))
      shown_controls_.insert(token);
  for (int token = 0; token < n_vocab(); ++token)
    if (attributes(token) & kNamed && *llama_vocab_get_text(vocab_, token)) named_tokens_.push_back(token);
  const auto length = [&](int token) { return std::string_view(llama_vocab_get_text(vocab_, token)).size(); };
  std::stable_sort(named_tokens_.begin(), named_tokens_.end(),
                   [&](int a, int b) { return length(a) > length(b); });
}

std::vector<int> Tokenizer::encode(std::span<const TextPart> parts, bool add_special) const {
  MarkedText marked;
  for (const TextPart& part : parts) {
    marked.text += part.text;
    marked.special.resize(marked.text.size(), part.special);
  }
  std::vector<Fragment> fragments;
  if (!marked.text.empty()) fragments.push_back({0, marked.text.size()});
  for (const int token : named_tokens_) {
    const std::string_view name = llama_vocab_get_text(vocab_, token);
    if (marked.text.find(name) == std::string::npos) continue;
    const NamedToken named{token, name, attributes(token), shown_controls_.count(token) > 0};
    for (const Fragment& f : std::exchange(fragments, {}))
      if (f.token >= 0)
        fragments.push_back(f);
      else
        cut(marked, f, named, fragments);
  }
  std::vector<int> tokens;
  if (add_special && llama_vocab_get_add_bos(vocab_)) tokens.push_back(bos());
  for (const Fragment& f : fragments) {
    if (f.token >= 0) {
      tokens.push_back(f.token);
      continue;
    }
    const std::vector<int> some =
        encode(std::string_view(marked.text).substr(f.begin, f.end - f.begin), false, false);
    for (const int token : some)  // a vocabulary that merges plain pieces into a name
      require(!llama_vocab_is_control(vocab_, token), path_, ": the vocabulary makes control token ", token,
              " of plain text, which would count where it must not");
    tokens.insert(tokens.end(), some.begin(), some.end());
  }
  if (add_special && llama_vocab_get_add_eos(vocab_)) tokens.push_back(llama_vocab_eos(vocab_));
  if (add_special) drop_doubled_bos(tokens);
  return tokens;
}

bool Tokenizer::is_control(int token) const {
  return (attributes(token) & kSpecial) != 0;
}

std::vector<std::string> Tokenizer::control_names() const {
  std::vector<std::string> out;
  for (const int token : named_tokens_)
    if (is_control(token)) out.emplace_back(llama_vocab_get_text(vocab_, token));
  return out;
}

}  // namespace rouse
