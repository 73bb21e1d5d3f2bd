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

}  // namespace rouse
