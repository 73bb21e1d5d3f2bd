/// tokenizer/pair.h - a context and what may follow it, as the tokens of one text.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace rouse {

/// A context's tokens, and those of each continuation behind it.
struct EncodedPairs {
  std::vector<int> context;
  std::vector<std::vector<int>> continuations;
};

/// What white space at the end of a context counts to.
enum class EndSpace {
  continuation,  ///< lm-evaluation-harness's rule
  context,       ///< where it is tokens of its own before every one of the continuations; else as above
};

/// Tokens whose log-probabilities are those of the texts. A continuation is never encoded by itself: a
/// SentencePiece vocabulary would begin it with a space of its own ("▁", "▁Paris" for " Paris"). By
/// lm-evaluation-harness's rule (0.4.13, TemplateLM._encode_pair) white space at the context's end is moved
/// to the continuations, context + continuation are encoded as one text, and of its tokens those after the
/// context's own number are the continuation's. An empty context is BOS, or where there is none the end
/// token; a continuation that begins with that token gives it up. BOS stands in front as the file asks.
/// The context comes in parts, each with its rule for control tokens; continuations are plain text. Throws
/// Error when the context is empty and nothing can stand for it.
EncodedPairs encode_pairs(const Tokenizer& tokenizer, std::vector<TextPart> context,
                          std::span<const std::string> continuations,
                          EndSpace end_space = EndSpace::continuation);

/// The text without the white space at its end, as Python's str.rstrip() has it: 29 characters of Unicode.
std::string_view without_trailing_space(std::string_view utf8);

}  // namespace rouse
