#include "base/quoting.h"

#include "base/error.h"

namespace rouse {

static constexpr std::string_view kBlanks = " \t\r\n\v\f";

static bool is_quote(char c) {
  return c == '\'' || c == '"';
}

/// Whether a quote opens at `at`.
static bool opens(std::string_view text, size_t at) {
  constexpr std::string_view kBefore = ",=:+|";
  if (!is_quote(text[at])) return false;
  return at == 0 || kBefore.find(text[at - 1]) != kBefore.npos || kBlanks.find(text[at - 1]) != kBlanks.npos;
}

/// Just past the quote that closes the one at `at`.
static size_t after_quote(std::string_view text, size_t at) {
  const char quote = text[at];
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == quote) return i + 1;
    if (quote == '"' && text[i] == '\\') ++i;
  }
  throw Error(cat("\"", text, "\": the quote ", quote, " is not closed"), ErrorKind::usage);
}

std::vector<std::string> split_quoted(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    if (opens(text, i)) {
      i = after_quote(text, i);
      continue;
    }
    if (separators.find(text[i]) != separators.npos) {
      parts.emplace_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
    ++i;
  }
  parts.emplace_back(text.substr(begin));
  return parts;
}

size_t find_unquoted(std::string_view text, std::string_view what) {
  for (size_t i = 0; i < text.size();) {
    if (text.substr(i, what.size()) == what) return i;
    i = opens(text, i) ? after_quote(text, i) : i + 1;
  }
  return std::string_view::npos;
}

std::string unquote(std::string_view text) {
  if (text.empty() || !is_quote(text[0])) return std::string(text);
  const size_t end = after_quote(text, 0);
  require_usage(end == text.size(), "\"", text, "\": \"", text.substr(end), "\" follows the quoted value");
  std::string out;
  for (size_t i = 1; i + 1 < end; ++i) {
    const bool escape = text[0] == '"' && text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\');
    out += text[escape ? ++i : i];
  }
  return out;
}

std::string quote(std::string_view value) {
  constexpr std::string_view kSpecial = ",=+|'\"";
  const bool plain = !value.empty() && value.find_first_of(kSpecial) == value.npos &&
                     value.find_first_of(kBlanks) == value.npos;
  if (plain) return std::string(value);
  if (value.find('\'') == value.npos) return cat('\'', value, '\'');
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string shell_quoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_@%+=:,./-") == std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace rouse
