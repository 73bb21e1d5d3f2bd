#include "eval/code.h"

#include <algorithm>

#include "base/text.h"

namespace rouse {
namespace {

constexpr size_t npos = std::string::npos;

size_t line_end(std::string_view text, size_t at) {
  return std::min(text.find('\n', at), text.size());
}

/// A block that a fence opens.
struct Block {
  size_t open;          ///< where the fence stands
  size_t begin;         ///< of the first line inside
  size_t close = npos;  ///< of the closing fence's line; npos: none yet
  size_t indentation;   ///< of the opening fence
  size_t n_tick;
  std::string language;  ///< the first word after the fence, in lower case
};

/// The line of ticks, at least as many as opened the block, that closes it.
void find_close(std::string_view text, Block& b) {
  for (size_t at = b.begin; at < text.size(); at = line_end(text, at) + 1) {
    const std::string_view line = text.substr(at, line_end(text, at) - at);
    const size_t indentation = std::min(line.find_first_not_of(' '), line.size());
    const std::string_view ticks = trim(line);
    if (indentation > std::max<size_t>(3, b.indentation) || ticks.size() < b.n_tick) continue;
    if (ticks.find_first_not_of('`') != npos) continue;
    b.close = at;
    return;
  }
}

/// The first block from `at` on. Ticks that open and close in one line are no fence.
std::optional<Block> next_block(std::string_view text, size_t at) {
  while ((at = text.find("```", at)) != npos) {
    const size_t info = std::min(text.find_first_not_of('`', at), text.size()), end = line_end(text, info);
    const std::string_view words = trim(text.substr(info, end - info));
    if (words.find('`') != npos) {
      at = end;
      continue;
    }
    const size_t line = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    const bool alone = text.substr(line, at - line).find_first_not_of(' ') == npos;
    Block b{at, std::min(end + 1, text.size()), npos, alone ? at - line : 0, info - at, ""};
    for (const char c : words.substr(0, words.find(' ')))
      b.language += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    find_close(text, b);
    return b;
  }
  return std::nullopt;
}

std::optional<Block> python_block(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto b = next_block(text, at);
    if (!b) return std::nullopt;
    for (const char* name : {"", "python", "python3", "py", "py3"})
      if (b->language == name) return b;
    if (b->close == npos) return std::nullopt;
    at = line_end(text, b->close);
  }
  return std::nullopt;
}

bool has_function(std::string_view code) {
  return code.rfind("def ", 0) == 0 || code.find("\ndef ") != npos;
}

}  // namespace

std::optional<std::string> fenced_code(const std::string& text) {
  const auto b = python_block(text);
  if (!b) return std::nullopt;
  if (b->language.empty() && has_function(std::string_view(text).substr(0, b->open)))
    return text.substr(0, b->open);
  const size_t end = b->close != npos ? b->close : std::min(text.find("```", b->begin), text.size());
  std::string out;
  for (size_t at = b->begin; at < end; at = line_end(text, at) + 1) {
    std::string_view line = std::string_view(text).substr(at, std::min(line_end(text, at), end) - at);
    line.remove_prefix(std::min({b->indentation, line.find_first_not_of(' '), line.size()}));
    out.append(line) += '\n';
  }
  return out;
}

size_t fence_end(const std::string& text) {
  const auto b = python_block(text);
  return b && b->close != npos ? line_end(text, b->close) : npos;
}

size_t first_of(const std::string& text, std::span<const char* const> stops) {
  size_t first = npos;
  for (const char* stop : stops) first = std::min(first, text.find(stop));
  return first;
}

bool defines(const std::string& code, const std::string& name) {
  for (const std::string& whole : split(code, '\n')) {
    std::string_view line = whole;
    if (line.rfind("async ", 0) == 0) line.remove_prefix(6);
    const bool function = line.rfind("def ", 0) == 0;
    if (function) line = trim(line.substr(4));
    if (line.rfind(name, 0) != 0) continue;
    line = trim(line.substr(name.size()));
    if (function ? line.rfind('(', 0) == 0 : line.rfind('=', 0) == 0) return true;
  }
  return false;
}

std::string indented(const std::string& code) {
  std::string out;
  for (const std::string& line : split(code, '\n')) out += (trim(line).empty() ? "" : "    " + line) + "\n";
  return out;
}

}  // namespace rouse
