/// tests/peer.h - unmodified libllama on the same file, for comparison.
#pragma once

#include <llama-cpp.h>

#include "support.h"

namespace rouse {

/// The same file in unmodified libllama.
class PeerModel {
 public:
  explicit PeerModel(const std::string& path) {
    llama_backend_init();
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    llama_model_params mp = llama_model_default_params();
    model_.reset(llama_model_load_from_file(path.c_str(), mp));
    EXPECT_NE(model_, nullptr) << path;
  }
  /// Of the last token.
  std::vector<float> logits(const std::vector<int>& tokens) const {
    llama_context_params cp = llama_context_default_params();
    cp.n_ctx = 256;
    cp.n_threads = cp.n_threads_batch = 1;
    cp.type_k = cp.type_v = GGML_TYPE_F32;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // its flash attention casts an F32 cache to F16
    const llama_context_ptr context(llama_init_from_model(model_.get(), cp));
    std::vector<llama_token> ids(tokens.begin(), tokens.end());
    EXPECT_EQ(llama_decode(context.get(), llama_batch_get_one(ids.data(), static_cast<int>(ids.size()))), 0);
    const float* last = llama_get_logits_ith(context.get(), -1);
    return {last, last + llama_vocab_n_tokens(llama_model_get_vocab(model_.get()))};
  }

 private:
  llama_model_ptr model_;
};

/// Normalised mean square error.
inline double nmse(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) error += (a[i] - b[i]) * (a[i] - b[i]), norm += b[i] * b[i];
  return error / norm;
}

inline const std::vector<int> kText = {271, 5, 17, 200, 33, 90, 121, 7, 8, 64, 250, 3, 77, 41, 19, 230, 14};

}  // namespace rouse
