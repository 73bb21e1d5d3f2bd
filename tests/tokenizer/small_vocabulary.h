/// tests/tokenizer/small_vocabulary.h - a model file that has a vocabulary with control tokens, and little
/// else.
#pragma once

#include "support.h"

namespace rouse {

/// A small vocabulary in SentencePiece's manner: a prefix space, bytes, some words, BOS added.
/// merges: it has the pieces of which "</s>" could be put together.
inline std::string sentencepiece_file(const TempDir& dir, bool merges = false,
                                      const std::string& chat_template = "") {
  std::vector<std::string> tokens = {"<unk>",      "<s>",     "</s>",        "[INST]",     "<|im_start|>",
                                     "<|im_end|>", "<think>", "<|channel|>", "<|message|>"};
  std::vector<int32_t> types = {2, 3, 3, 3, 3,
                                4, 4, 3, 3};  // an end token is a control token, whatever it says
  std::vector<float> scores(tokens.size(), 0);
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    tokens.emplace_back(text);
    types.push_back(6), scores.push_back(0);
  }
  for (const char* piece : {"▁h", "el",  "hel", "lo", "hello", "▁hello", "▁▁", "▁w", "or", "ld", "▁world",
                            "</", "im_", "us",  "er", "user",  "▁user",  "IN", "ST", "▁t", "he", "▁the"}) {
    tokens.emplace_back(piece);
    types.push_back(1), scores.push_back(-static_cast<float>(tokens.size()));
  }
  if (merges) {
    tokens.emplace_back("s>");
    types.push_back(1), scores.push_back(-1);
  }
  for (char c = 33; c < 127; ++c) {
    tokens.emplace_back(1, c);
    types.push_back(1), scores.push_back(-1000);
  }
  tokens.emplace_back("▁");
  types.push_back(1), scores.push_back(-1000);
  const gguf_context_ptr g(gguf_init_empty());
  gguf_set_val_str(g.get(), "general.architecture", "llama");
  gguf_set_val_str(g.get(), "tokenizer.ggml.model", "llama");
  std::vector<const char*> texts;
  for (const std::string& t : tokens) texts.push_back(t.c_str());
  gguf_set_arr_str(g.get(), "tokenizer.ggml.tokens", texts.data(), texts.size());
  gguf_set_arr_data(g.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
  gguf_set_arr_data(g.get(), "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores.data(), scores.size());
  gguf_set_val_u32(g.get(), "tokenizer.ggml.bos_token_id", 1);
  gguf_set_val_u32(g.get(), "tokenizer.ggml.eos_token_id", 2);
  gguf_set_val_u32(g.get(), "tokenizer.ggml.unknown_token_id", 0);
  if (!chat_template.empty()) gguf_set_val_str(g.get(), "tokenizer.chat_template", chat_template.c_str());
  const ggml_context_ptr context(ggml_init({1 << 16, nullptr, false}));
  ggml_tensor* embd =
      ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, 1, static_cast<int64_t>(tokens.size()));
  ggml_set_name(embd, "token_embd.weight");
  gguf_add_tensor(g.get(), embd);
  std::string path = dir / "sentencepiece.gguf";
  gguf_write_to_file(g.get(), path.c_str(), false);
  return path;
}

}  // namespace rouse
