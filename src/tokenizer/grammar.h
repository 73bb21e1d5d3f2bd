/// tokenizer/grammar.h - text that must follow a grammar (GBNF), by libllama's sampler.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "tokenizer/tokenizer.h"

struct llama_sampler;

namespace rouse {

class Grammar {
 public:
  /// gbnf: rules, of which `root` is the text. Throws Error (exit 2) with what libllama says of it.
  Grammar(const Tokenizer& tokenizer, const std::string& gbnf);
  ~Grammar();
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;
  /// The same text so far, then on its own.
  std::unique_ptr<Grammar> clone() const;

  /// scores [n_vocab]: -inf where a token cannot come next; an end token can once the text is whole.
  void allow(std::span<float> scores) const;
  /// Takes a token that was allowed.
  void accept(int token);

 private:
  explicit Grammar(llama_sampler* sampler);
  std::unique_ptr<llama_sampler, void (*)(llama_sampler*)> sampler_;
};

/// The grammar of JSON texts that a schema describes. Understood: type (string, number, integer, boolean,
/// null, object, array, or a list of types), enum, const, properties with required and additionalProperties
/// (false, or absent which means false), items with minItems and maxItems, minLength and maxLength of
/// strings, anyOf, oneOf, $ref to #/$defs or #/definitions. Anything else that would restrict the text is
/// refused by name, exit 2. Properties come in the order of the schema.
std::string json_schema_grammar(const std::string& schema);

}  // namespace rouse
