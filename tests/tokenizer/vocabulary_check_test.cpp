#include "tokenizer/vocabulary_check.h"

#include <functional>

#include "base/random.h"
#include "edited.h"

namespace rouse {
namespace {

/// A small vocabulary, written as a file of its own.
struct Vocabulary {
  std::string model = "llama";
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  std::vector<std::string> merges{"a b"};
  std::function<void(gguf_context*)> also = [](gguf_context*) {};

  /// <unk>, <s>, </s>, every byte, and a few words.
  static Vocabulary sentence_piece() {
    Vocabulary v;
    v.add("<unk>", 2), v.add("<s>", 3), v.add("</s>", 3);
    for (int byte = 0; byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", byte);
      v.add(text, 6);
    }
    for (const char* text : {"a", "b", "ab", "\u2581", "\u2581a"}) v.add(text, 1);
    return v;
  }
  static Vocabulary bytes(const std::string& pre) {
    Vocabulary v;
    v.model = "gpt2";
    for (const char* text : {"a", "b", "ab", "\u0120", "\u010a"}) v.add(text, 1);
    v.also = [pre](gguf_context* g) { gguf_set_val_str(g, "tokenizer.ggml.pre", pre.c_str()); };
    return v;
  }
  void add(const std::string& text, int32_t type) {
    tokens.push_back(text);
    types.push_back(type);
  }
  size_t at(const std::string& text) const {
    return static_cast<size_t>(std::find(tokens.begin(), tokens.end(), text) - tokens.begin());
  }
  void write(const std::string& path) const {
    const gguf_context_ptr g(gguf_init_empty());
    const auto strings = [&](const char* key, const std::vector<std::string>& texts) {
      std::vector<const char*> raw;
      for (const std::string& text : texts) raw.push_back(text.c_str());
      gguf_set_arr_str(g.get(), key, raw.data(), raw.size());
    };
    gguf_set_val_str(g.get(), "general.architecture", "llama");
    gguf_set_val_str(g.get(), "tokenizer.ggml.model", model.c_str());
    strings("tokenizer.ggml.tokens", tokens);
    strings("tokenizer.ggml.merges", merges);
    const std::vector<float> scores(tokens.size());
    gguf_set_arr_data(g.get(), "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores.data(), scores.size());
    gguf_set_arr_data(g.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
    also(g.get());
    const ggml_context_ptr context(ggml_init({1 << 20, nullptr, false}));
    ggml_tensor* embd = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, 1,
                                           static_cast<int64_t>(std::max<size_t>(1, tokens.size())));
    ggml_set_name(embd, "token_embd.weight");
    gguf_add_tensor(g.get(), embd);
    ASSERT_TRUE(gguf_write_to_file(g.get(), path.c_str(), false));
  }
};

class VocabularyCheck : public testing::Test {
 protected:
  void refused(const Vocabulary& v, const std::string& part) {
    v.write(path_);
    const GgufFile file(path_);
    expect_refusal([&] { Tokenizer t(file); }, ErrorKind::bad_model, part);
  }
  /// The tokens of a text, which must read back as the text.
  std::vector<int> tokens(const Vocabulary& v, const std::string& text) {
    v.write(path_);
    const GgufFile file(path_);
    const Tokenizer t(file);
    return t.encode(text, false, false);
  }
  const TempDir dir_;
  const std::string path_ = dir_ / "v.gguf";
};

}  // namespace

TEST_F(VocabularyCheck, RefusesATextThatIsTwoTokens) {
  Vocabulary v = Vocabulary::sentence_piece();
  v.add("ab", 1);
  refused(v, cat("v.gguf: token ", v.tokens.size() - 1, " is \"ab\", as is token ", v.at("ab")));
  v = Vocabulary::sentence_piece();
  const size_t empty = v.tokens.size();
  v.add("", 1);
  EXPECT_EQ(tokens(v, "a"), std::vector<int>{static_cast<int>(v.at("\u2581a"))});  // one empty token is fine
  v.add(cat("[EMPTY_", empty, "]"), 1);                                            // as libllama calls it
  refused(v, cat("token ", empty + 1, " is \"[EMPTY_", empty, "]\", as is token ", empty));
}

TEST_F(VocabularyCheck, SentencePieceFallsBackToATokenForEveryByte) {
  for (const char* missing : {"<0x00>", "<0x0A>", "<0xFF>"}) {
    Vocabulary v = Vocabulary::sentence_piece();
    v.tokens[v.at(missing)] = "word";
    v.types[v.at("word")] = 1;
    refused(v, cat("the vocabulary has no token ", missing, ", expected one for every byte"));
  }
  Vocabulary v = Vocabulary::sentence_piece();
  v.tokens[v.at("<0x0A>")] = "\n";  // the byte itself serves
  v.types[v.at("\n")] = 1;
  EXPECT_EQ(tokens(v, "\n").back(), static_cast<int>(v.at("\n")));
  v = Vocabulary::sentence_piece();
  v.types[v.at("ab")] = 6;
  refused(v, cat("token ", v.at("ab"), " is \"ab\", marked as a byte, expected the form <0x0A>"));
}

TEST_F(VocabularyCheck, RefusesTokensThatLibllamaCannotSpell) {
  Vocabulary v = Vocabulary::sentence_piece();
  v.add(std::string(5000, 'x'), 1);
  refused(v, cat("token ", v.tokens.size() - 1, " is 5000 bytes long, the limit is 4096"));
  v = Vocabulary::bytes("gpt-2");
  v.add("\xf4\x90\x80\x80", 1);  // past the last code point
  refused(v, "which is not UTF-8");
  v = Vocabulary::bytes("gpt-2");
  for (int i = 0; i < 20; ++i) {
    std::string text = cat(i);
    while (text.size() < 4000) text += "\u6f22";
    v.add(text, 1);
  }
  refused(v, "characters that stand for no byte");
  v.types.assign(v.types.size(), 3);  // control tokens are taken as they are
  EXPECT_NO_THROW(tokens(v, "ab"));
}

TEST_F(VocabularyCheck, RefusesWhatLibllamaAsserts) {
  refused(Vocabulary::bytes("whitespace"), "tokenizer.ggml.pre is \"whitespace\"");
  for (const char* pre : {"gpt-2", "glm4"}) {
    Vocabulary v = Vocabulary::bytes(pre);
    v.also = [pre](gguf_context* g) {
      gguf_set_val_str(g, "tokenizer.ggml.pre", pre);
      gguf_set_val_bool(g, "tokenizer.ggml.add_bos_token", true);
    };
    refused(v, "add_bos_token wants a BOS token, but the vocabulary has none");
    v.also = [pre](gguf_context* g) {
      gguf_set_val_str(g, "tokenizer.ggml.pre", pre);
      gguf_set_val_bool(g, "tokenizer.ggml.add_eos_token", true);
    };
    refused(v, "add_eos_token wants an EOS token, but the vocabulary has none");
  }
  Vocabulary v = Vocabulary::sentence_piece();
  v.also = [](gguf_context* g) { gguf_set_val_str(g, "general.name", "My Phi-3 mini"); };
  refused(v, "has no token <|endoftext|>");
  v.add("<|endoftext|>", 3);
  EXPECT_NO_THROW(tokens(v, "ab"));
  v = Vocabulary::sentence_piece();
  v.also = [](gguf_context* g) {
    const int32_t id = 5;
    gguf_set_arr_data(g, "tokenizer.ggml.suppress_tokens", GGUF_TYPE_INT32, &id, 1);
  };
  refused(v, "tokenizer.ggml.suppress_tokens keeps tokens from being chosen");
  v = Vocabulary::bytes("no-such");
  refused(v, "unknown pre-tokenizer type: 'no-such'");
}

/// Random vocabularies of a few short texts: each is refused by an Error or reads every text.
TEST_F(VocabularyCheck, WhatIsTakenReadsEveryText) {
  const std::vector<std::string> parts = {"a",      "b",      "<",      "0x0A", "<0x41>", ">",
                                          "\u2581", "\u0120", "\u010a", "\n",   " ",      "\u6f22",
                                          "\xff",   "<s>",    "</s>",   "\x80", "<mask>"};
  const std::vector<std::string> pres = {"default",      "gpt-2",       "llama-bpe",  "gpt-4o",
                                         "deepseek-llm", "deepseek-v3", "qwen2",      "tekken",
                                         "glm4",         "gemma4",      "sarvam-moe", "kimi-k2"};
  const char* ids[] = {"bos", "eos", "unknown", "padding", "eot"};
  int n_taken = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    Random random(seed);
    const auto below = [&](size_t n) { return random.below(static_cast<uint32_t>(n)); };
    Vocabulary v = below(3) ? Vocabulary::sentence_piece() : Vocabulary{};
    if (below(2)) v.model = "gpt2";
    for (size_t n = below(24) + 1; n > 0; --n) {
      std::string text;
      for (size_t k = below(4); k > 0; --k) text += parts[below(parts.size())];
      if (below(20) && std::count(v.tokens.begin(), v.tokens.end(), text)) continue;
      v.add(text, static_cast<int32_t>(below(8)));
    }
    v.merges.clear();
    for (size_t n = below(6); n > 0; --n)
      v.merges.push_back(parts[below(parts.size())] + (below(4) ? " " : "") + parts[below(parts.size())]);
    const std::string pre = pres[below(pres.size())];
    const uint32_t id = below(400), which = below(5), flags = below(8);
    v.also = [&](gguf_context* g) {
      gguf_set_val_str(g, "tokenizer.ggml.pre", pre.c_str());
      gguf_set_val_u32(g, cat("tokenizer.ggml.", ids[which], "_token_id").c_str(), id);
      gguf_set_val_bool(g, "tokenizer.ggml.add_bos_token", flags & 1);
      gguf_set_val_bool(g, "tokenizer.ggml.add_eos_token", flags & 2);
      gguf_set_val_bool(g, "tokenizer.ggml.add_space_prefix", flags & 4);
    };
    v.write(path_);
    const GgufFile file(path_);
    try {
      const Tokenizer t(file);
      ++n_taken;
      for (const bool special : {false, true})
        for (const char* text :
             {"", "ab ab\n\n a", "<s>\u6f22\u2581", "\xff\xfe \x80", "a\tb  ", "\u00e9\U0001F600"})
          t.decode(t.encode(text, true, special), special);
      t.encode(std::string("a\0b", 3), false, false);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::bad_model) << seed << ": " << e.what();
    }
  }
  EXPECT_GT(n_taken, 20);
}

/// std::regex inside libllama calls itself for every character of a match: 26,600 overflowed 8 MB.
TEST_F(VocabularyCheck, LongStretchesDoNotOverflowTheStack) {
  for (const auto& [pre, unit] : std::vector<std::pair<const char*, std::string>>{
           {"gpt-4o", "a"}, {"gpt-4o", "/\n"}, {"deepseek-llm", " "}, {"deepseek-v3", "!"}}) {
    Edited e("llama.gguf");
    gguf_set_val_str(e.keys(), "tokenizer.ggml.pre", pre);
    e.write(path_);
    const GgufFile file(path_);
    const Tokenizer t(file);
    std::string text;
    while (text.size() < 40000) text += unit;
    EXPECT_EQ(t.decode(t.encode(text, false, false)), text) << pre << " \"" << unit << "\"";
  }
}

}  // namespace rouse
