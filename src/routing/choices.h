/// routing/choices.h - the constructors behind the table in registry.cpp.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "routing/policy.h"

namespace rouse {

std::unique_ptr<Choice> top_k(const std::string& arguments);
std::unique_ptr<Choice> rank(const std::string& arguments);
std::unique_ptr<Choice> random_choice(const std::string& arguments);
std::unique_ptr<Choice> explore(const std::string& arguments);
std::unique_ptr<Choice> dynamic(const std::string& arguments);
std::unique_ptr<Choice> replay(const std::string& arguments, const RoutingFiles& files);
std::unique_ptr<Choice> plan(const std::string& arguments, const RoutingFiles& files);

}  // namespace rouse
