/// base/text.h - splitting and parsing text with errors that name what was wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rouse {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
/// With spaces to its right up to `width` characters: a name in a column.
std::string padded(std::string text, size_t width);

/// The whole of `text` as a number, or nothing. Locale-independent; no leading or trailing characters;
/// finite.
std::optional<int64_t> parse_int(std::string_view text);
std::optional<double> parse_double(std::string_view text);

/// As printf; for tables and figures of at most 255 bytes.
std::string formatted(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// The shortest decimal that reads back as the same double: 0.6, not 0.59999999999999998.
std::string number_text(double value);

/// "12.3 MB"; powers of 1000.
std::string bytes_text(uint64_t n_byte);

/// What an editor shows: without a byte order mark at its beginning, lines ending in \n where they end in
/// \r\n. A \r alone stays.
std::string plain_text(std::string text);

/// The leading part of `text` that ends on a whole UTF-8 character; the rest may still grow into one.
size_t complete_utf8_prefix(std::string_view text);

bool is_utf8(std::string_view text);

/// What a terminal may be shown of a text that a file or a user brought: control characters (so no escape
/// sequence), line and direction marks and bytes that are no UTF-8 are written out, as \x1b or \u202e.
/// keep_lines leaves newlines as they are.
std::string printable(std::string_view text, bool keep_lines = false);

/// FNV-1a, for names of things; not for security.
uint64_t hash_text(std::string_view text);
std::string hex64(uint64_t value);

}  // namespace rouse
