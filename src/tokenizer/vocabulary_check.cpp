#include "tokenizer/vocabulary_check.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <unordered_map>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

constexpr const char *kTokens = "tokenizer.ggml.tokens", *kScores = "tokenizer.ggml.scores",
                     *kTypes = "tokenizer.ggml.token_type", *kMerges = "tokenizer.ggml.merges",
                     *kSuppressed = "tokenizer.ggml.suppress_tokens";
/// Far above any real token; libllama recurses and copies by their length.
constexpr size_t kMaxTokenBytes = 4096;
/// libllama writes a token's whole text once for each of its characters that stands for no byte.
constexpr uint64_t kMaxPieceBytes = uint64_t{64} << 20;

enum TokenType { kNormal = 1, kByte = 6 };  // of GGUF

/// Vocabularies of two kinds: "gpt2" merges bytes, written as printable characters; "llama" (SentencePiece)
/// merges characters and falls back to byte tokens such as <0x0A>.
class Vocabulary {
 public:
  explicit Vocabulary(const GgufFile& file)
      : file_(file),
        path_(file.path()),
        model_(file.text("tokenizer.ggml.model").value_or("")),
        bpe_(model_ == "gpt2") {
    require_model(bpe_ || model_ == "llama", path_, ": tokenizer \"", model_,
                  "\" is not supported; known: gpt2, llama");
  }

  void check_arrays() {
    require_model(array(kTokens, GGUF_TYPE_STRING), path_, ": key ", kTokens, " is missing");
    tokens_ = file_.texts(kTokens);
    const size_t n = tokens_.size();
    for (const auto& [key, type] :
         {std::pair{kScores, GGUF_TYPE_FLOAT32}, std::pair{kTypes, GGUF_TYPE_INT32}})
      require_model(!array(key, type) || *file_.array_length(key) == n, path_, ": ",
                    file_.array_length(key).value_or(0), " entries in ", key, ", expected ", n);
    require_model(array(kMerges, GGUF_TYPE_STRING) || !bpe_, path_, ": key ", kMerges, " is missing");
    const ggml_tensor* embd = file_.tensor("token_embd.weight");
    require_model(embd && static_cast<size_t>(embd->ne[1]) == n, path_, ": ", n,
                  " tokens in the vocabulary, ", embd ? embd->ne[1] : 0, " rows of embeddings");
    types_.assign(n, kNormal);
    if (file_.has(kTypes)) types_ = file_.integers(kTypes);
    require_model(file_.array_length(kSuppressed).value_or(0) == 0, path_, ": key ", kSuppressed,
                  " keeps tokens from being chosen, which rouse does not do");
    // Cuts at blanks but keeps them, and then merges assert that no symbol is one.
    require_model(!bpe_ || file_.text("tokenizer.ggml.pre").value_or("") != "whitespace", path_,
                  ": key tokenizer.ggml.pre is \"whitespace\", which goes with another tokenizer than gpt2");
  }

  void check_tokens() {
    uint64_t n_piece_byte = 0;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      // libllama gives empty tokens a name.
      const std::string text = tokens_[i].empty() ? cat("[EMPTY_", i, "]") : std::string(tokens_[i]);
      require_model(text.size() <= kMaxTokenBytes, path_, ": token ", i, " is ", text.size(),
                    " bytes long, the limit is ", kMaxTokenBytes);
      const auto [other, unique] = ids_.emplace(text, i);
      require_model(unique, path_, ": token ", i, " is \"", text, "\", as is token ", other->second);
      require_model(types_[i] != kByte || is_byte_token(text), path_, ": token ", i, " is \"", text,
                    "\", marked as a byte, expected the form <0x0A>");
      if (!bpe_) continue;
      require_model(is_utf8(text), path_, ": token ", i, " is \"", text, "\", which is not UTF-8");
      if (types_[i] == kNormal) n_piece_byte += n_unmapped(text) * text.size();
      require_model(n_piece_byte <= kMaxPieceBytes, path_, ": token ", i, " is \"", text.substr(0, 64),
                    "...\", like others before it of characters that stand for no byte");
    }
  }

  void check_bytes() const {
    for (int byte = 0; byte < 256 && !bpe_; ++byte) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", byte);
      const bool itself = byte > 0 && ids_.count(std::string(1, static_cast<char>(byte))) > 0;
      require_model(itself || ids_.count(name), path_, ": the vocabulary has no token ", name,
                    ", expected one for every byte");
    }
  }

  /// libllama changes marks of these tokens where a model's name says so.
  void check_marks() const {
    std::string name = file_.text("general.name").value_or("");
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (name.find("phi-3") == std::string::npos && name.find("phi3") == std::string::npos) return;
    for (const char* token : {"</s>", "<unk>", "<s>", "<|endoftext|>"})
      require_model(ids_.count(token) > 0, path_, ": the vocabulary of a model named ", name,
                    " has no token ", token);
  }

 private:
  /// Whether the key is there; throws unless it is an array of that type then.
  bool array(const std::string& key, int type) const {
    if (!file_.has(key)) return false;
    const auto found = file_.array_type(key);
    require_model(found.has_value(), path_, ": key ", key, " is not an array");
    require_model(*found == type, path_, ": key ", key, " is an array of another type than expected");
    return true;
  }
  static bool is_byte_token(const std::string& text) {
    const auto hex = [&](size_t i) { return std::isxdigit(static_cast<unsigned char>(text[i])) != 0; };
    return text.size() == 6 && text.starts_with("<0x") && hex(3) && hex(4) && text[5] == '>';
  }
  /// Characters of UTF-8 text that stand for no byte: those that do are printable, or U+0100 to U+0143.
  static uint64_t n_unmapped(const std::string& text) {
    uint64_t n = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte >= 0x80 && byte < 0xC0) continue;  // inside a character
      const unsigned next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) & 0x3Fu : 0;
      const unsigned point = byte < 0x80 ? byte : byte < 0xE0 ? (byte & 0x1Fu) << 6 | next : 0x800;
      const bool mapped = (point > 0x20 && point < 0x7F) || (point > 0xA0 && point <= 0x143 && point != 0xAD);
      n += !mapped;
    }
    return n;
  }

  const GgufFile& file_;
  const std::string& path_;
  std::string model_;
  bool bpe_;
  std::vector<std::string_view> tokens_;
  std::vector<int64_t> types_;
  std::unordered_map<std::string, size_t> ids_;
};

}  // namespace

void check_vocabulary(const GgufFile& file) {
  Vocabulary vocabulary(file);
  vocabulary.check_arrays();
  vocabulary.check_tokens();
  vocabulary.check_bytes();
  vocabulary.check_marks();
}

}  // namespace rouse
