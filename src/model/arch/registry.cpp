/// model/arch/registry.cpp - every supported architecture of a GGUF file.
#include "model/arch/families.h"

namespace rouse {

static constexpr ArchEntry kArchitectures[] = {
    {"llama", "Llama, SmolLM2, Mistral (dense) and Mixtral (MoE)", llama},
    {"deepseek", "DeepSeekMoE: shared experts, leading dense layers, raw softmax weights", deepseek},
};

std::span<const ArchEntry> arch_registry() {
  return kArchitectures;
}

}  // namespace rouse
