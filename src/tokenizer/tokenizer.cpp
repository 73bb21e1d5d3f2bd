#include "tokenizer/tokenizer.h"

#include <llama.h>

#include "base/error.h"
#include "base/text.h"
#include "tensor/log.h"
#include "tokenizer/deep_stack.h"
#include "tokenizer/vocabulary_check.h"

namespace rouse {

Tokenizer::Tokenizer(const GgufFile& file)
    : model_(nullptr, llama_model_free), vocab_(nullptr), path_(file.path()) {
  check_vocabulary(file);
  llama_log_set(log_callback, nullptr);
  const LogCapture log;  // libllama gives its reasons nowhere else
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  model_.reset(llama_model_load_from_file(file.path().c_str(), params));
  require_model(model_ != nullptr, path_, ": libllama cannot read the vocabulary: ", trim(log.first_error()));
  vocab_ = llama_model_get_vocab(model_.get());
  // It asserts these when it adds them to a text.
  require_model(!llama_vocab_get_add_bos(vocab_) || bos() >= 0, path_,
                ": key tokenizer.ggml.add_bos_token wants a BOS token, but the vocabulary has none");
  require_model(!llama_vocab_get_add_eos(vocab_) || llama_vocab_eos(vocab_) >= 0, path_,
                ": key tokenizer.ggml.add_eos_token wants an EOS token, but the vocabulary has none");
  for (int token = 0; token < n_vocab(); ++token)
    if (ends_generation(token)) end_tokens_.push_back(token);
  find_named_tokens(file);
  chat_template_ = file.text("tokenizer.chat_template").value_or("");
}

Tokenizer::~Tokenizer() = default;

int Tokenizer::n_vocab() const {
  return llama_vocab_n_tokens(vocab_);
}
bool Tokenizer::ends_generation(int token) const {
  return llama_vocab_is_eog(vocab_, token);
}
int Tokenizer::bos() const {
  return llama_vocab_bos(vocab_);
}
int Tokenizer::eos() const {
  return llama_vocab_eos(vocab_);
}

bool Tokenizer::adds_bos() const {
  return llama_vocab_get_add_bos(vocab_);
}

std::vector<int> Tokenizer::encode(std::string_view text, bool add_special, bool parse_special) const {
  require_usage(text.size() < (1u << 30), "a text of ", text.size(), " bytes is too long");
  std::vector<int> tokens(text.size() + 8);
  int n = 0;
  try {
    on_deep_stack(regex_stack(text), [&] {
      n = llama_tokenize(vocab_, text.data(), static_cast<int>(text.size()), tokens.data(),
                         static_cast<int>(tokens.size()), add_special, parse_special);
    });
  } catch (const std::invalid_argument&) {  // past the last code point
    throw Error("the text is no UTF-8", ErrorKind::usage);
  }
  require(n >= 0, "the tokenizer needs ", -n, " tokens for ", text.size(), " bytes");
  tokens.resize(static_cast<size_t>(n));
  if (add_special) drop_doubled_bos(tokens);
  return tokens;
}

void Tokenizer::drop_doubled_bos(std::vector<int>& tokens) const {
  if (adds_bos() && tokens.size() > 1 && tokens[0] == bos() && tokens[1] == bos())
    tokens.erase(tokens.begin());
}

std::string Tokenizer::piece(int token, bool special) const {
  std::string out(32, '\0');
  int n = llama_token_to_piece(vocab_, token, out.data(), static_cast<int>(out.size()), 0, special);
  if (n < 0) {
    out.resize(static_cast<size_t>(-n));
    n = llama_token_to_piece(vocab_, token, out.data(), static_cast<int>(out.size()), 0, special);
  }
  out.resize(static_cast<size_t>(std::max(n, 0)));
  return out;
}

std::string Tokenizer::decode(const std::vector<int>& tokens, bool special) const {
  std::string out;
  for (const int token : tokens) out += piece(token, special);
  return out;
}

const SortedTokens& Tokenizer::sorted() const {
  if (!sorted_) {
    std::vector<std::string> pieces(static_cast<size_t>(n_vocab()));
    for (int token = 0; token < n_vocab(); ++token)
      if (!ends_generation(token)) pieces[static_cast<size_t>(token)] = piece(token);
    sorted_ = std::make_unique<const SortedTokens>(std::move(pieces));
  }
  return *sorted_;
}

void require_same_vocabulary(const Tokenizer& a, const Tokenizer& b) {
  require_usage(a.n_vocab() == b.n_vocab(), "the vocabularies differ: ", a.path(), " has ", a.n_vocab(),
                " tokens, ", b.path(), " ", b.n_vocab());
  for (int token = 0; token < a.n_vocab(); ++token)
    require_usage(a.piece(token, true) == b.piece(token, true), "the vocabularies differ: token ", token,
                  " is \"", a.piece(token, true), "\" in ", a.path(), ", \"", b.piece(token, true), "\" in ",
                  b.path());
}

}  // namespace rouse
