/// tokenizer/grammar.h - tokens of which the text follows a grammar (GBNF) or a JSON schema.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tokenizer/recognizer.h"
#include "tokenizer/tokenizer.h"

namespace rouse {

class Grammar {
 public:
  /// gbnf: see gbnf.h. Throws Error (exit 2) with the line and the rule that cannot be used.
  /// The tokenizer must outlive it.
  Grammar(const Tokenizer& tokenizer, std::string_view gbnf);
  /// The same text so far, then on its own.
  std::unique_ptr<Grammar> clone() const;

  /// scores [n_vocab]: -inf where a token cannot come next; an end token can once the text is whole. Control
  /// tokens have no text and never come. Throws Error (exit 2) when the text has too many readings.
  void allow(std::span<float> scores);
  /// Takes the token. Throws Error (exit 1) when it was not allowed.
  void accept(int token);

 private:
  const Tokenizer* tokenizer_;
  Recognizer recognizer_;
  int state_;
};

/// Throws Error (exit 2) where Grammar would, without a vocabulary.
void check_grammar(std::string_view gbnf);

/// The grammar of JSON texts that fit a schema: docs/methods.md says which keywords are understood. Every
/// text of the grammar fits; not every text that fits is one: properties come in the order of the schema,
/// none comes beside them, and numbers have at most 16 digits. Throws Error (exit 2) naming the place in the
/// schema of what is not understood or fits nothing.
std::string json_schema_grammar(std::string_view schema);

}  // namespace rouse
