/// decoding/methods.h - the constructors behind the table in registry.cpp.
#pragma once

#include "decoding/method.h"

namespace rouse {

std::unique_ptr<Method> standard(const MethodOptions& options, const RouterSpec& router, bool accelerated);
std::unique_ptr<Method> scmoe(const MethodOptions& options, const RouterSpec& router, bool accelerated);
std::string scmoe_text(const MethodOptions& options, const RouterSpec& router);

}  // namespace rouse
