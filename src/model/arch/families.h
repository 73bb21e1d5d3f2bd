/// model/arch/families.h - the readers behind the table in registry.cpp.
#pragma once

#include "model/spec.h"

namespace rouse {

ModelSpec llama(const Keys& keys);
ModelSpec deepseek(const Keys& keys);

}  // namespace rouse
