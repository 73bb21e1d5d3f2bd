/// decoding/methods.h - the constructors behind the table in registry.cpp.
#pragma once

#include "decoding/method.h"

namespace rouse {

std::unique_ptr<Method> standard(const MethodOptions& options, const MethodModels& models);
std::unique_ptr<Method> scmoe(const MethodOptions& options, const MethodModels& models);
std::unique_ptr<Method> contrastive_decoding(const MethodOptions& options, const MethodModels& models);
std::unique_ptr<Method> dola(const MethodOptions& options, const MethodModels& models);
std::unique_ptr<Method> contrastive_search(const MethodOptions& options, const MethodModels& models);
std::unique_ptr<Method> roe(const MethodOptions& options, const MethodModels& models);
std::unique_ptr<Method> beam_search(const MethodOptions& options, const MethodModels& models);

/// A policy that an option of the method holds, bound to a model. Throws Error (usage, of the option).
RoutingPolicy option_policy(const MethodOptions& options, const char* option, const std::string& text,
                            const RouterSpec& router);
/// The stream that `routing` and `iti` describe.
Stream main_stream(const MethodOptions& options, const MethodModels& models);

}  // namespace rouse
