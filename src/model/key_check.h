/// model/key_check.h - no key of a model file is silently ignored: it is applied, known not to matter, or
/// refused by name.
#pragma once

#include <string>
#include <vector>

namespace rouse {

class Keys;
struct ModelSpec;

/// After an architecture's reader asked for what it applies: the keys that it did not ask for must say what
/// the model computes then. Returns the architecture's keys that nobody knows. Throws Error (exit 3) naming
/// the first key that says something else.
std::vector<std::string> check_keys(const Keys& keys, const ModelSpec& spec);

}  // namespace rouse
