/// model/arch/registry.cpp - every supported architecture of a GGUF file.
#include "model/arch/families.h"

namespace rouse {

static constexpr ArchEntry kArchitectures[] = {
    {"llama", "Llama, SmolLM2, Mistral (dense) and Mixtral (MoE)", llama},
    {"deepseek", "DeepSeekMoE: shared experts, leading dense layers, raw softmax weights", deepseek},
    {"deepseek2",
     "DeepSeek-V2, V2-Lite, V3, GLM-4.7-Flash, Kimi-K2: latent attention, groups of experts, softmax or "
     "sigmoid gates",
     deepseek2},
    {"qwen2moe", "Qwen1.5-MoE, Qwen2-MoE: a gated shared expert, biases, raw softmax weights", qwen2moe},
    {"qwen3moe", "Qwen3-MoE: normalised heads of any size, renormalised weights", qwen3moe},
    {"olmoe", "OLMoE: queries and keys normalised across heads, raw softmax weights", olmoe},
    {"gpt-oss", "GPT-OSS: attention sinks, alternating windows, biased experts, clamped SwiGLU", gpt_oss},
    {"granitemoe", "Granite 3 MoE: scaled embeddings, residuals, attention and logits", granitemoe},
    {"glm4moe", "GLM-4.5, 4.6, Air: sigmoid gates with a selection bias, shared experts", glm4moe},
    {"qwen3vlmoe", "Qwen3-VL MoE, texts only: as Qwen3-MoE", qwen3vlmoe},
    {"minimax-m2", "MiniMax-M2: sigmoid gates with a selection bias, normalised across heads", minimax_m2},
    {"bailingmoe2", "Ling 2.0, Ring 2.0: sigmoid gates, groups of experts, shared experts", bailingmoe2},
    {"dots1", "dots.llm1: DeepSeek-V3's experts under plain attention", dots1},
    {"ernie4_5-moe", "ERNIE 4.5: softmax gates with a selection bias, MoE in every n-th layer", ernie4_5_moe},
    {"hunyuan-moe", "Hunyuan-A13B: one shared expert, heads normalised after they turn", hunyuan_moe},
    {"qwen2", "Qwen1.5, Qwen2, Qwen2.5 (dense)", qwen2},
    {"qwen3", "Qwen3 (dense)", qwen3},
};

std::span<const ArchEntry> arch_registry() {
  return kArchitectures;
}

}  // namespace rouse
