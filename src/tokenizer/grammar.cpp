#include "tokenizer/grammar.h"

#include <llama.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

/// What libllama logs while it reads a grammar.
static thread_local std::string grammar_log;
static void keep_log(ggml_log_level level, const char* text, void*) {
  if (level == GGML_LOG_LEVEL_ERROR) grammar_log += text;
}

Grammar::Grammar(llama_sampler* sampler) : sampler_(sampler, llama_sampler_free) {}

Grammar::Grammar(const Tokenizer& tokenizer, const std::string& gbnf) : Grammar(nullptr) {
  constexpr size_t kMaxBytes = 1 << 20;
  require_usage(gbnf.size() <= kMaxBytes, "the grammar is ", gbnf.size(), " bytes, expected at most ",
                kMaxBytes);
  ggml_log_callback before;
  void* data;
  llama_log_get(&before, &data);
  grammar_log.clear();
  llama_log_set(keep_log, nullptr);
  try {
    sampler_.reset(llama_sampler_init_grammar(tokenizer.vocab(), gbnf.c_str(), "root"));
  } catch (const std::exception& e) {
    grammar_log += e.what();
  }
  llama_log_set(before, data);
  require_usage(sampler_ != nullptr, "the grammar cannot be used: ",
                grammar_log.empty() ? "it has no rule named root, or is no GBNF" : trim(grammar_log));
}

Grammar::~Grammar() = default;

std::unique_ptr<Grammar> Grammar::clone() const {
  return std::unique_ptr<Grammar>(new Grammar(llama_sampler_clone(sampler_.get())));
}

void Grammar::allow(std::span<float> scores) const {
  std::vector<llama_token_data> tokens;
  for (size_t token = 0; token < scores.size(); ++token)
    if (scores[token] > -INFINITY) tokens.push_back({static_cast<llama_token>(token), scores[token], 0});
  llama_token_data_array array{tokens.data(), tokens.size(), -1, false};
  llama_sampler_apply(sampler_.get(), &array);
  for (size_t i = 0; i < array.size; ++i) scores[static_cast<size_t>(array.data[i].id)] = array.data[i].logit;
}

void Grammar::accept(int token) {
  llama_sampler_accept(sampler_.get(), token);
}

}  // namespace rouse
