/// model/arch/families.h - the readers behind the table in registry.cpp.
#pragma once

#include "model/model_spec.h"

namespace rouse {

ModelSpec llama(const Keys& keys);
ModelSpec qwen2(const Keys& keys);
ModelSpec qwen3(const Keys& keys);
ModelSpec deepseek(const Keys& keys);
ModelSpec deepseek2(const Keys& keys);
ModelSpec qwen2moe(const Keys& keys);
ModelSpec qwen3moe(const Keys& keys);
ModelSpec olmoe(const Keys& keys);
ModelSpec gpt_oss(const Keys& keys);
ModelSpec granitemoe(const Keys& keys);
ModelSpec glm4moe(const Keys& keys);
ModelSpec qwen3vlmoe(const Keys& keys);
ModelSpec minimax_m2(const Keys& keys);
ModelSpec bailingmoe2(const Keys& keys);
ModelSpec dots1(const Keys& keys);
ModelSpec ernie4_5_moe(const Keys& keys);
ModelSpec hunyuan_moe(const Keys& keys);

}  // namespace rouse
