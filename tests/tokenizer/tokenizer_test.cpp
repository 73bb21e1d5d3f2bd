#include "tokenizer/tokenizer.h"

#include "support.h"
#include "tokenizer/chat_template.h"

namespace rouse {

TEST(Tokenizer, GivesTheIdsOfTraining) {
  const GgufFile file(std::string(ROUSE_MODELS) + "/rouse-lab.gguf");
  const Tokenizer tokenizer(file);
  std::ifstream in(golden("lab_tokens.jsonl"));
  int n = 0;
  for (std::string line; std::getline(in, line); ++n) {
    const auto j = nlohmann::json::parse(line);
    EXPECT_EQ(tokenizer.encode(j["text"].get<std::string>(), false, false), j["ids"].get<std::vector<int>>())
        << j["text"];
    EXPECT_EQ(tokenizer.decode(j["ids"].get<std::vector<int>>()), j["text"].get<std::string>());
  }
  EXPECT_GT(n, 40);
}

TEST(Tokenizer, RendersTheChatTemplateOfTheFileOrByName) {
  const GgufFile lab(std::string(ROUSE_MODELS) + "/rouse-lab.gguf"), tiny(golden("llama.gguf"));
  const Tokenizer tokenizer(lab), plain(tiny);
  EXPECT_EQ(chat_text(tokenizer, {{"user", "Why?"}}), "Question: Why?\nAnswer:");
  for (const char* name : {"", "qa"})
    EXPECT_EQ(
        chat_text(tokenizer, {{"system", "S"}, {"user", "Why?"}, {"assistant", "So."}, {"user", "How?"}},
                  {.name = name}),
        "S\n\nQuestion: Why?\nAnswer: So.\n\nQuestion: How?\nAnswer:");
  EXPECT_EQ(chat_text(plain, {{"user", "Why?"}}, {.name = "chatml"}),
            "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n");
  expect_refusal(
      [&] {
        chat_text(plain, {{"user", "x"}});
      },
      ErrorKind::usage, "has no chat template; known by name: qa, ");
  expect_refusal(
      [&] {
        chat_text(plain, {{"user", "x"}}, {.name = "no-such"});
      },
      ErrorKind::usage, "unknown chat template \"no-such\"");
}

namespace {

/// A file of three tokens whose arrays have the given lengths.
std::string vocabulary_file(const TempDir& dir, const char* model, size_t n_token, size_t n_type,
                            bool merges) {
  const gguf_context_ptr g(gguf_init_empty());
  const char* tokens[] = {"a", "b", "c", "d"};
  const int32_t types[] = {1, 1, 1, 1};
  gguf_set_val_str(g.get(), "general.architecture", "llama");
  gguf_set_val_str(g.get(), "tokenizer.ggml.model", model);
  gguf_set_arr_str(g.get(), "tokenizer.ggml.tokens", tokens, n_token);
  gguf_set_arr_data(g.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types, n_type);
  if (merges) gguf_set_arr_str(g.get(), "tokenizer.ggml.merges", tokens, 1);
  const ggml_context_ptr context(ggml_init({1 << 16, nullptr, false}));
  ggml_tensor* embd = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, 8, 3);
  ggml_set_name(embd, "token_embd.weight");
  gguf_add_tensor(g.get(), embd);
  const std::string path = dir / "v.gguf";
  gguf_write_to_file(g.get(), path.c_str(), false);
  return path;
}

}  // namespace

TEST(Tokenizer, RefusesAVocabularyThatContradictsItself) {
  const TempDir dir;
  const auto refused = [&](const std::string& path, const char* part) {
    const GgufFile file(path);
    expect_refusal([&] { Tokenizer t(file); }, ErrorKind::bad_model, part);
  };
  refused(vocabulary_file(dir, "gpt2", 3, 2, true), "2 entries in tokenizer.ggml.token_type, expected 3");
  refused(vocabulary_file(dir, "gpt2", 4, 4, true), "4 tokens in the vocabulary, 3 rows of embeddings");
  refused(vocabulary_file(dir, "gpt2", 3, 3, false), "tokenizer.ggml.merges is missing");
  refused(vocabulary_file(dir, "t5", 3, 3, true), "tokenizer \"t5\" is not supported");
}

}  // namespace rouse
