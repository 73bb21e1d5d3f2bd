/// tokenizer/deep_stack.h - a stack as deep as a text asks for: std::regex, by which libllama cuts text,
/// calls itself for every character of a match.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace rouse {

/// Room for a character of a match: 324 bytes as gcc 12 compiles libllama, more with other compilers.
inline constexpr size_t kRegexBytes = 2048;

/// Bytes of stack with which every pre-tokenizer can cut `text`. Throws Error (exit 2) when a stretch of it
/// is too long.
size_t regex_stack(std::string_view text);

/// Runs `work` with at least n_byte of stack: here when a thread has so much anyway, else on a thread of its
/// own. Memory is taken only as the stack grows. Rethrows what `work` throws.
void on_deep_stack(size_t n_byte, const std::function<void()>& work);

}  // namespace rouse
