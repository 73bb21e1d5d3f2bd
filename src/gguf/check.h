/// gguf/check.h - refuses a GGUF file that lies, before any other code reads it.
/// Everything is bounds-checked with 64-bit arithmetic that cannot wrap: counts, strings, arrays, element
/// types, dimensions, tensor extents. A NUL byte is refused where ggml, which cuts names and tokens at it,
/// would see another text than the file holds. Cases that broke other readers: CVE-2024-21802,
/// CVE-2025-53630, CVE-2026-27940.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace rouse {

/// Caps far above any real file, so that a header cannot ask for absurd work.
inline constexpr uint64_t kMaxKeys = 1 << 14;  // ggml searches keys from end to end
inline constexpr uint64_t kMaxTensors = 1 << 17;
inline constexpr uint64_t kMaxKeyLength = 1 << 10;
inline constexpr uint64_t kMaxStringLength = 1 << 24;
inline constexpr uint64_t kMaxArrayLength = 1 << 24;

/// Throws Error (exit 3) with one sentence unless `file`, the whole file's bytes, is a well-formed GGUF of
/// version 2 or 3 whose every tensor lies inside it. `name` opens the sentence.
void check_gguf(std::span<const std::byte> file, const std::string& name);

}  // namespace rouse
