#include "report/peer.h"

#include <llama.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/statistics.h"

namespace rouse {

Peer::Peer(const std::string& path, int n_thread, int n_ctx, int n_batch, int n_parallel)
    : model_(nullptr, llama_model_free), context_(nullptr, llama_free) {
  llama_model_params m = llama_model_default_params();
  m.n_gpu_layers = 0;
  model_.reset(llama_model_load_from_file(path.c_str(), m));
  require_model(model_ != nullptr, path, ": libllama cannot load this model");
  llama_context_params c = llama_context_default_params();
  c.n_ctx = static_cast<uint32_t>(n_ctx * n_parallel);
  c.n_seq_max = static_cast<uint32_t>(n_parallel);
  c.n_batch = c.n_ubatch = static_cast<uint32_t>(n_batch);
  c.n_threads = c.n_threads_batch = n_thread;
  c.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  context_.reset(llama_init_from_model(model_.get(), c));
  require(context_ != nullptr, path, ": libllama cannot make a context");
  n_vocab_ = llama_vocab_n_tokens(llama_model_get_vocab(model_.get()));
}

Peer::~Peer() = default;

double Peer::prefill(const std::vector<std::vector<int>>& prompts) {
  llama_memory_clear(llama_get_memory(context_.get()), false);
  int n_token = 0;
  for (const auto& prompt : prompts) n_token += static_cast<int>(prompt.size());
  llama_batch batch = llama_batch_init(n_token, 0, 1);
  length_.clear();
  std::vector<int> last;
  for (size_t text = 0; text < prompts.size(); ++text) {
    for (size_t i = 0; i < prompts[text].size(); ++i) {
      const int at = batch.n_tokens++;
      batch.token[at] = prompts[text][i];
      batch.pos[at] = static_cast<llama_pos>(i);
      batch.n_seq_id[at] = 1;
      batch.seq_id[at][0] = static_cast<llama_seq_id>(text);
      batch.logits[at] = i + 1 == prompts[text].size();
    }
    last.push_back(batch.n_tokens - 1);
    length_.push_back(static_cast<int>(prompts[text].size()));
  }
  const double begin = now_seconds();
  const int status = llama_decode(context_.get(), batch);
  llama_synchronize(context_.get());
  const double seconds = now_seconds() - begin;
  llama_batch_free(batch);
  require(status == 0, "libllama failed");
  next_.clear();
  for (const int row : last) {
    const float* logits = llama_get_logits_ith(context_.get(), row);
    next_.push_back(static_cast<int>(argmax({logits, static_cast<size_t>(n_vocab_)})));
  }
  return seconds;
}

double Peer::steps(int n) {
  const int n_text = static_cast<int>(next_.size());
  llama_batch batch = llama_batch_init(n_text, 0, 1);
  bool good = true;
  const double begin = now_seconds();
  for (int step = 0; step < n && good; ++step) {
    batch.n_tokens = n_text;
    for (int text = 0; text < n_text; ++text) {
      batch.token[text] = next_[static_cast<size_t>(text)];
      batch.pos[text] = length_[static_cast<size_t>(text)]++;
      batch.n_seq_id[text] = 1;
      batch.seq_id[text][0] = text;
      batch.logits[text] = true;
    }
    good = llama_decode(context_.get(), batch) == 0;
    for (int text = 0; text < n_text && good; ++text) {
      const float* logits = llama_get_logits_ith(context_.get(), text);
      next_[static_cast<size_t>(text)] = static_cast<int>(argmax({logits, static_cast<size_t>(n_vocab_)}));
    }
  }
  llama_synchronize(context_.get());
  const double seconds = now_seconds() - begin;
  llama_batch_free(batch);
  require(good, "libllama failed");
  return seconds;
}

}  // namespace rouse
