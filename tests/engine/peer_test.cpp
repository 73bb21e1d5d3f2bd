/// Against libllama on the same file, over the types that files come in.
#include <llama.h>

#include <algorithm>

#include "support.h"

namespace rouse {
namespace {

std::vector<float> peer_logits(const std::string& path, const std::vector<int>& tokens) {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model_params mp = llama_model_default_params();
  mp.n_gpu_layers = 0;
  llama_model* model = llama_model_load_from_file(path.c_str(), mp);
  EXPECT_NE(model, nullptr);
  llama_context_params cp = llama_context_default_params();
  cp.n_ctx = 256;
  cp.n_threads = cp.n_threads_batch = 1;
  cp.type_k = cp.type_v = GGML_TYPE_F32;
  cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // its flash attention casts an F32 cache to F16
  llama_context* context = llama_init_from_model(model, cp);
  std::vector<llama_token> ids(tokens.begin(), tokens.end());
  EXPECT_EQ(llama_decode(context, llama_batch_get_one(ids.data(), static_cast<int>(ids.size()))), 0);
  const float* last = llama_get_logits_ith(context, -1);
  std::vector<float> out(last, last + llama_vocab_n_tokens(llama_model_get_vocab(model)));
  llama_free(context);
  llama_model_free(model);
  return out;
}

/// Normalised mean square error.
double nmse(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) error += (a[i] - b[i]) * (a[i] - b[i]), norm += b[i] * b[i];
  return error / norm;
}

const std::vector<int> kText = {271, 5, 17, 200, 33, 90, 121, 7, 8, 64, 250, 3, 77, 41, 19, 230, 14};

}  // namespace

TEST(Peer, GoldenFilesGiveLibllamasLogits) {
  for (const char* file : {"llama.gguf", "mixtral.gguf", "deepseek.gguf"}) {
    TinyModel m(golden(file));
    EXPECT_LT(nmse(m.logits(kText), peer_logits(golden(file), kText)), 1e-8) << file;
    EXPECT_LT(nmse(m.logits({kText[0]}), peer_logits(golden(file), {kText[0]})), 1e-8) << file;
  }
}

TEST(Peer, TheDefaultModelRunsInUnmodifiedLibllama) {
  const std::string path = std::string(ROUSE_MODELS) + "/rouse-lab.gguf";
  TinyModel m(path);
  EXPECT_LT(nmse(m.logits(kText), peer_logits(path, kText)), 1e-6);
}

/// Equal arithmetic in another order: activations are rounded to 8 bits, so a difference in the last digit
/// can flip one, and a near-tie of a router can send a token elsewhere. Hence the median of five files; the
/// worst is recorded.
TEST(Peer, QuantisedFilesGiveLibllamasLogits) {
  const TempDir dir;
  double worst_median = 0;
  for (const char* shape :
       {"--arch llama --experts 0 --ff 512", "--arch llama --experts 8 --experts-used 2 --expert-ff 256",
        "--arch deepseek --experts 16 --experts-used 6 --expert-ff 256 --shared 2 --dense-layers 1 --ff 512"})
    for (const char* quant : {"f32", "f16", "q8_0", "q4_0", "q4_K", "q6_K"}) {
      std::vector<double> errors;
      for (int seed = 1; seed <= 5; ++seed) {
        const std::string path = dir / "m.gguf";
        const CommandResult made =
            rouse(cat("synth ", shape, " --layers 2 --embd 256 --heads 4 --kv-heads 2 --quant ", quant,
                      " --seed ", seed, " --vocab-from ", golden("llama.gguf"), " -o ", path));
        ASSERT_EQ(made.code, 0) << made.err;
        TinyModel m(path);
        errors.push_back(std::max(nmse(m.logits(kText), peer_logits(path, kText)),
                                  nmse(m.logits({7}), peer_logits(path, {7}))));
      }
      std::sort(errors.begin(), errors.end());
      EXPECT_LT(errors[2], 1e-6) << shape << " " << quant << ", worst " << errors[4];
      worst_median = std::max(worst_median, errors[2]);
      RecordProperty(cat("worst_", quant, shape[7]), cat(errors[4]));
    }
  RecordProperty("worst_median", cat(worst_median));
}

}  // namespace rouse
