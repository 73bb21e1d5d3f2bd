/// tokenizer/tokenizer.h - text to token ids and back, by libllama's vocabulary-only load of the model file.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/file.h"
#include "tokenizer/chat_message.h"
#include "tokenizer/sorted_tokens.h"

struct llama_model;
struct llama_vocab;

namespace rouse {

class Tokenizer {
 public:
  /// Checks the vocabulary first (tokenizer/vocabulary_check.h). Throws Error (exit 3).
  explicit Tokenizer(const GgufFile& file);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  int n_vocab() const;
  const llama_vocab* vocab() const { return vocab_; }
  /// add_special: BOS (and EOS) as the model wants them. parse_special: "<|im_end|>" becomes its one token.
  /// A text that begins with the BOS itself gets no second one, where libllama would leave both.
  std::vector<int> encode(std::string_view text, bool add_special, bool parse_special) const;
  /// The parts as one text, with the rules of each: the whole text's ids where no part that is not special
  /// holds a control token's text.
  std::vector<int> encode(std::span<const TextPart> parts, bool add_special) const;
  /// The bytes of one token; may be part of a character. Special tokens give nothing unless asked for.
  std::string piece(int token, bool special = false) const;
  std::string decode(const std::vector<int>& tokens, bool special = false) const;
  /// What `piece` gives for each token but the end tokens. Made by the first call, which must be alone.
  const SortedTokens& sorted() const;
  bool ends_generation(int token) const;
  const std::vector<int>& end_tokens() const { return end_tokens_; }
  const std::string& path() const { return path_; }  ///< of the model file
  int bos() const;                                   ///< -1 when there is none
  int eos() const;                                   ///< likewise
  bool adds_bos() const;                             ///< encode puts it in front where add_special
  /// Only special text may name it. It is no part of an answer, though libllama shows some (harmony's).
  bool is_control(int token) const;
  std::vector<std::string> control_names() const;

  /// The chat template in the file, or empty.
  const std::string& chat_template() const { return chat_template_; }

 private:
  void find_named_tokens(const GgufFile& file);
  int attributes(int token) const;
  void drop_doubled_bos(std::vector<int>& tokens) const;

  std::unique_ptr<llama_model, void (*)(llama_model*)> model_;
  const llama_vocab* vocab_;
  std::vector<int> end_tokens_, named_tokens_;  ///< named: found in a text as they stand; longest first
  std::set<int> shown_controls_;                ///< control tokens of the file that libllama shows as text
  std::string path_, chat_template_;
  mutable std::unique_ptr<const SortedTokens> sorted_;
};

/// Throws Error (exit 2) naming the first token in which two vocabularies differ.
void require_same_vocabulary(const Tokenizer& a, const Tokenizer& b);

}  // namespace rouse
