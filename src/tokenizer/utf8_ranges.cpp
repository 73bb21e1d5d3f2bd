#include "tokenizer/utf8_ranges.h"

#include <algorithm>

namespace rouse {

constexpr uint32_t kLast = 0x10FFFF, kSurrogates = 0xD800, kSurrogatesEnd = 0xE000;

bool is_character(uint32_t code_point) {
  return code_point <= kLast && (code_point < kSurrogates || code_point >= kSurrogatesEnd);
}

static int length_of(uint32_t code_point) {
  return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

void append_character(std::string& text, uint32_t code_point) {
  const int n = length_of(code_point);
  constexpr uint8_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  text += static_cast<char>(kLead[n] | code_point >> (6 * (n - 1)));
  for (int i = n - 2; i >= 0; --i) text += static_cast<char>(0x80 | (code_point >> (6 * i) & 0x3F));
}

std::optional<uint32_t> read_character(std::string_view text, size_t& at) {
  if (at >= text.size()) return std::nullopt;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(at);
  const int n = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (n == 0 || text.size() - at < static_cast<size_t>(n)) return std::nullopt;
  uint32_t value = n == 1 ? lead : lead & (0x7Fu >> n);
  for (int i = 1; i < n; ++i) {
    const uint8_t next = byte(at + static_cast<size_t>(i));
    if ((next & 0xC0) != 0x80) return std::nullopt;
    value = value << 6 | (next & 0x3Fu);
  }
  if (length_of(value) != n || !is_character(value)) return std::nullopt;
  at += static_cast<size_t>(n);
  return value;
}

std::vector<CodeRange> normal_ranges(std::vector<CodeRange> ranges, bool complement) {
  std::sort(ranges.begin(), ranges.end(), [](CodeRange a, CodeRange b) { return a.low < b.low; });
  std::vector<CodeRange> merged;
  for (const CodeRange r : ranges) {
    if (!merged.empty() && r.low <= merged.back().high + 1)
      merged.back().high = std::max(merged.back().high, r.high);
    else
      merged.push_back(r);
  }
  if (complement) {
    std::vector<CodeRange> others;
    uint32_t low = 1;  // NUL comes only where it is named
    for (const CodeRange r : merged) {
      if (low < r.low) others.push_back({low, r.low - 1});
      low = r.high + 1;
    }
    if (low <= kLast) others.push_back({low, kLast});
    merged = std::move(others);
  }
  std::vector<CodeRange> out;
  for (const CodeRange r : merged) {
    if (r.low < kSurrogates) out.push_back({r.low, std::min(r.high, kSurrogates - 1)});
    if (r.high >= kSurrogatesEnd) out.push_back({std::max(r.low, kSurrogatesEnd), r.high});
  }
  return out;
}

/// Splits until every byte of low..high may be chosen apart from the others.
static void append_sequences(uint32_t low, uint32_t high, std::vector<ByteSequence>& out) {
  for (const uint32_t last : {0x7Fu, 0x7FFu, 0xFFFFu})
    if (low <= last && last < high) {
      append_sequences(low, last, out);
      return append_sequences(last + 1, high, out);
    }
  const int n = length_of(low);
  for (int i = 1; i < n; ++i) {
    const uint32_t tail = (1u << (6 * i)) - 1;
    if ((low & ~tail) == (high & ~tail)) continue;
    if ((low & tail) != 0) {
      append_sequences(low, low | tail, out);
      return append_sequences((low | tail) + 1, high, out);
    }
    if ((high & tail) != tail) {
      append_sequences(low, (high & ~tail) - 1, out);
      return append_sequences(high & ~tail, high, out);
    }
  }
  std::string first, last;
  append_character(first, low);
  append_character(last, high);
  ByteSequence sequence{{}, n};
  for (size_t i = 0; i < static_cast<size_t>(n); ++i)
    sequence.bytes[i] = {static_cast<uint8_t>(first[i]), static_cast<uint8_t>(last[i])};
  out.push_back(sequence);
}

std::vector<ByteSequence> utf8_sequences(const std::vector<CodeRange>& ranges) {
  std::vector<ByteSequence> out;
  for (const CodeRange r : ranges) append_sequences(r.low, r.high, out);
  return out;
}

}  // namespace rouse
