/// tests/engine/tiny_llama.h - tiny random models of libllama's architectures, for what its engine must
/// route.
#pragma once

#include <string>
#include <vector>

namespace rouse {

/// The architectures of the table, in its order.
std::vector<std::string> tiny_llama_archs();

/// Writes a model of `arch` with random weights to `path`, some hundred KB: libllama says which tensors the
/// keys ask for, and this gives them values, a function of their names alone. 8 experts a block, 2 chosen, 2
/// to 4 blocks, 288 tokens without text. `keys`: a JSON object of further keys, without "<arch>." before
/// them; null takes a key away. Throws Error where libllama refuses.
void write_tiny_llama(const std::string& arch, const std::string& path, const std::string& keys = "{}");

}  // namespace rouse
