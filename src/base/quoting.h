/// base/quoting.h - one rule for values that hold what separates values: a file name with a space or a comma
/// in a method ("scmoe weak='plan:my file.json'"), a routing policy or a sweep.
///
/// A value that begins with ' or " ends at the next such quote. In "..." \" is a quote and \\ a backslash; in
/// '...' every character is itself. A quote opens only where a value begins: at the start of the text or
/// after a blank or one of , = : + |. Elsewhere it is a character like any other (it's.json).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rouse {

/// The parts between any of `separators`, which count outside of quotes only; quotes stay. Throws Error
/// (exit 2) where a quote is not closed.
std::vector<std::string> split_quoted(std::string_view text, std::string_view separators);
/// Where `what` first stands outside of quotes, or npos. Throws Error (exit 2) where a quote is not closed.
size_t find_unquoted(std::string_view text, std::string_view what);
/// The value that is written so. Throws Error (exit 2) where a quote is not closed or something follows it.
std::string unquote(std::string_view text);
/// How a value is written: as it is where that can be read back, else in quotes.
std::string quote(std::string_view value);

/// The same for a shell, to be pasted there.
std::string shell_quoted(const std::string& word);

}  // namespace rouse
