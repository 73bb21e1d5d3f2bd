#include "cli/bench_peer.h"

#include <llama.h>

#include "base/error.h"
#include "base/statistics.h"
#include "cli/command.h"

namespace rouse {

Peer::Peer(const std::string& path, int n_thread, int n_ctx, int n_batch)
    : model_(nullptr, llama_model_free), context_(nullptr, llama_free) {
  llama_model_params m = llama_model_default_params();
  m.n_gpu_layers = 0;
  model_.reset(llama_model_load_from_file(path.c_str(), m));
  require_model(model_ != nullptr, path, ": libllama cannot load this model");
  llama_context_params c = llama_context_default_params();
  c.n_ctx = static_cast<uint32_t>(n_ctx);
  c.n_batch = c.n_ubatch = static_cast<uint32_t>(n_batch);
  c.n_threads = c.n_threads_batch = n_thread;
  c.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  context_.reset(llama_init_from_model(model_.get(), c));
  require(context_ != nullptr, path, ": libllama cannot make a context");
  n_vocab_ = llama_vocab_n_tokens(llama_model_get_vocab(model_.get()));
}

Peer::~Peer() = default;

double Peer::prefill(const std::vector<int>& prompt) {
  llama_memory_clear(llama_get_memory(context_.get()), false);
  std::vector<llama_token> tokens(prompt.begin(), prompt.end());
  const double begin = now_seconds();
  require(
      llama_decode(context_.get(), llama_batch_get_one(tokens.data(), static_cast<int>(tokens.size()))) == 0,
      "libllama failed");
  llama_synchronize(context_.get());
  return now_seconds() - begin;
}

double Peer::steps(int n) {
  const double begin = now_seconds();
  for (int i = 0; i < n; ++i) {
    const float* logits = llama_get_logits_ith(context_.get(), -1);
    auto token = static_cast<llama_token>(argmax({logits, static_cast<size_t>(n_vocab_)}));
    require(llama_decode(context_.get(), llama_batch_get_one(&token, 1)) == 0, "libllama failed");
  }
  llama_synchronize(context_.get());
  return now_seconds() - begin;
}

}  // namespace rouse
