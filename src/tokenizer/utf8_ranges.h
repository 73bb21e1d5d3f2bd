/// tokenizer/utf8_ranges.h - sets of characters as the bytes that spell them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rouse {

struct CodeRange {
  uint32_t low, high;  ///< code points, both included
};
struct ByteRange {
  uint8_t low, high;  ///< both included
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};
/// One byte of each range in turn: a run of characters of equal length.
struct ByteSequence {
  std::array<ByteRange, 4> bytes{};
  int n = 0;
};

/// Surrogates are code points, but no characters.
bool is_character(uint32_t code_point);

/// The character at `at`, which moves behind it; nothing where no well-formed UTF-8 stands.
std::optional<uint32_t> read_character(std::string_view text, size_t& at);
void append_character(std::string& text, uint32_t code_point);

/// Sorted, apart from each other, without surrogates; of `[^...]`: all other characters
/// but NUL.
std::vector<CodeRange> normal_ranges(std::vector<CodeRange> ranges, bool complement);

/// Well-formed UTF-8 alone, in the order of the bytes. Where two sequences share a first byte, they share its
/// range. ranges: normal.
std::vector<ByteSequence> utf8_sequences(const std::vector<CodeRange>& ranges);

}  // namespace rouse
