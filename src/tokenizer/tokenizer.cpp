#include "tokenizer/tokenizer.h"

#include <llama.h>

#include <cstdio>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

/// libllama indexes scores and types by token without looking at their lengths, so they must match.
void check_vocabulary(const GgufFile& file) {
  const auto& path = file.path();
  const std::string model = file.text("tokenizer.ggml.model").value_or("");
  require_model(model == "gpt2" || model == "llama", path, ": tokenizer \"", model,
                "\" is not supported; known: gpt2, llama");
  const auto type_is = [&](const std::string& key, int type) {
    const auto found = file.array_type(key);
    require_model(!found || *found == type, path, ": key ", key,
                  " is an array of another type than expected");
    return found.has_value();
  };
  require_model(type_is("tokenizer.ggml.tokens", GGUF_TYPE_STRING), path,
                ": key tokenizer.ggml.tokens is missing");
  const size_t n = *file.array_length("tokenizer.ggml.tokens");
  for (const auto& [key, type] : {std::pair{"tokenizer.ggml.scores", GGUF_TYPE_FLOAT32},
                                  std::pair{"tokenizer.ggml.token_type", GGUF_TYPE_INT32}}) {
    const bool present = type_is(key, type);
    require_model(present == file.has(key), path, ": key ", key, " is no array");
    require_model(!present || *file.array_length(key) == n, path, ": ", file.array_length(key).value_or(0),
                  " entries in ", key, ", expected ", n);
  }
  require_model(type_is("tokenizer.ggml.merges", GGUF_TYPE_STRING) || model != "gpt2", path,
                ": key tokenizer.ggml.merges is missing");
  const ggml_tensor* embd = file.tensor("token_embd.weight");
  require_model(embd && static_cast<size_t>(embd->ne[1]) == n, path, ": ", n, " tokens in the vocabulary, ",
                embd ? embd->ne[1] : 0, " rows of embeddings");
}

/// libllama reports through a log; keep its last error for our message.
thread_local std::string last_error;
void keep_errors(ggml_log_level level, const char* text, void*) {
  if (level == GGML_LOG_LEVEL_ERROR) last_error = text;
}

}  // namespace

Tokenizer::Tokenizer(const GgufFile& file)
    : model_(nullptr, llama_model_free), vocab_(nullptr), path_(file.path()) {
  check_vocabulary(file);
  llama_log_set(keep_errors, nullptr);
  last_error.clear();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  model_.reset(llama_model_load_from_file(file.path().c_str(), params));
  require_model(model_ != nullptr, path_, ": libllama cannot read the vocabulary: ", trim(last_error));
  vocab_ = llama_model_get_vocab(model_.get());
  for (int token = 0; token < n_vocab(); ++token)
    if (ends_generation(token)) end_tokens_.push_back(token);
  find_named_tokens();
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

std::vector<int> Tokenizer::encode(std::string_view text, bool add_special, bool parse_special) const {
  require_usage(text.size() < (1u << 30), "a text of ", text.size(), " bytes is too long");
  std::vector<int> tokens(text.size() + 8);
  const int n = llama_tokenize(vocab_, text.data(), static_cast<int>(text.size()), tokens.data(),
                               static_cast<int>(tokens.size()), add_special, parse_special);
  require(n >= 0, "the tokenizer needs ", -n, " tokens for ", text.size(), " bytes");
  tokens.resize(static_cast<size_t>(n));
  if (add_special) note_doubled_bos(tokens);
  return tokens;
}

void Tokenizer::note_doubled_bos(const std::vector<int>& tokens) const {
  if (tokens.size() < 2 || tokens[0] != bos() || tokens[1] != bos()) return;
  std::call_once(doubled_bos_, [&] {
    std::fprintf(
        stderr,
        "rouse: the text begins with the BOS token, which the tokenizer adds by itself: the model sees "
        "it twice; leave it out of the text\n");
  });
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

/// "Question: ...\nAnswer:", the form of the benchmarks and of rouse-lab.
static std::string render_qa(const std::vector<ChatMessage>& messages) {
  std::string out;
  for (const ChatMessage& m : messages) {
    if (m.role == "assistant")
      out += " " + m.content + "\n\n";
    else if (m.role == "user")
      out += "Question: " + m.content + "\nAnswer:";
    else
      out += m.content + "\n\n";
  }
  return out;
}

std::string Tokenizer::render_chat(const std::vector<ChatMessage>& messages, const std::string& name) const {
  const std::string& source = name.empty() ? chat_template_ : name;
  const bool is_qa =
      source.find("Question: ") != std::string::npos && source.find("Answer:") != std::string::npos;
  if (name == "qa" || (name.empty() && is_qa)) return render_qa(messages);
  require_usage(!source.empty(), path_,
                ": the file has no chat template; use --raw, or --chat-template NAME (",
                join(chat_template_names(), ", "), ")");
  std::vector<llama_chat_message> raw;
  size_t length = 256;
  for (const ChatMessage& m : messages) {
    raw.push_back({m.role.c_str(), m.content.c_str()});
    length += 2 * (m.role.size() + m.content.size()) + 64;
  }
  std::string out(length, '\0');
  int n = llama_chat_apply_template(source.c_str(), raw.data(), raw.size(), true, out.data(),
                                    static_cast<int>(out.size()));
  require_usage(
      n >= 0, path_,
      name.empty() ? ": its chat template is not one that libllama recognises" : ": unknown chat template ",
      name, "; use --raw, or --chat-template NAME (", join(chat_template_names(), ", "), ")");
  if (n > static_cast<int>(out.size())) {
    out.resize(static_cast<size_t>(n));
    n = llama_chat_apply_template(source.c_str(), raw.data(), raw.size(), true, out.data(),
                                  static_cast<int>(out.size()));
  }
  out.resize(static_cast<size_t>(n));
  return out;
}

std::vector<std::string> Tokenizer::chat_template_names() {
  std::vector<const char*> names(256);
  const int n = llama_chat_builtin_templates(names.data(), names.size());
  std::vector<std::string> out{"qa"};
  for (int i = 0; i < n && i < static_cast<int>(names.size()); ++i)
    out.emplace_back(names[static_cast<size_t>(i)]);
  return out;
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
