#include "advice/published_gains.h"

namespace rouse {

static constexpr const char* kScmoe = "arXiv 2405.14507; beta and weak routing chosen on the test items";
static constexpr const char* kCor = "arXiv 2604.14246; average of six factuality scores";

static const PublishedGain kGains[] = {
    {"llama", 8, 2, "Mixtral 8x7B", "scmoe", "GSM8K", 61.79, 66.94, kScmoe},
    {"llama", 8, 2, "Mixtral 8x7B", "scmoe", "MBPP", 46.20, 48.80, kScmoe},
    {"llama", 8, 2, "Mixtral 8x7B", "scmoe, 20 samples", "GSM8K", 75.59, 78.31, kScmoe},
    {"deepseek", 64, 6, "DeepSeekMoE 16B", "scmoe", "GSM8K", 18.95, 20.77, kScmoe},
    {"deepseek", 64, 6, "DeepSeekMoE 16B", "scmoe", "StrategyQA", 60.41, 62.99, kScmoe},
    {"deepseek", 64, 6, "DeepSeekMoE 16B", "scmoe", "MBPP", 35.20, 37.20, kScmoe},
    {"deepseek", 64, 6, "DeepSeekMoE 16B", "scmoe", "HumanEval", 26.83, 28.05, kScmoe},
    {"qwen3moe", 128, 8, "Qwen3-30B-A3B", "plan", "factuality", 48.01, 49.95, kCor},
    {"deepseek2", 64, 6, "DeepSeek-V2-Lite", "plan", "factuality", 38.12, 43.57, kCor},
    {"gpt-oss", 32, 4, "GPT-OSS-20B", "plan", "factuality", 33.58, 35.49, kCor},
};

std::span<const PublishedGain> published_gains() {
  return kGains;
}

std::vector<PublishedGain> published_gains_of(const std::string& arch, const RouterSpec& router) {
  std::vector<PublishedGain> out;
  for (const PublishedGain& gain : kGains)
    if (arch == gain.arch && router.n_expert == gain.n_expert && router.n_expert_used == gain.k)
      out.push_back(gain);
  return out;
}

}  // namespace rouse
