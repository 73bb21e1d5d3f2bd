#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "base/unicode.h"

namespace rouse {

size_t terminal_width(int fd) {
  constexpr int64_t kUsual = 80, kMost = 10000;
  const char* columns = std::getenv("COLUMNS");
  if (const auto n = parse_int(columns ? columns : ""); n && *n > 0)
    return static_cast<size_t>(std::min(*n, kMost));
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kUsual;
}

size_t output_width() {
  return isatty(STDOUT_FILENO) ? terminal_width(STDOUT_FILENO) : 0;
}

/// Where the second column of a line begins, else its first character.
static size_t hanging_indent(std::string_view line) {
  const size_t first = std::min(line.find_first_not_of(' '), line.size());
  const size_t gap = line.find("  ", first);
  const size_t second = gap == std::string::npos ? gap : line.find_first_not_of(' ', gap);
  return second == std::string::npos ? first : second;
}

static std::string wrapped_line(std::string_view line, size_t width) {
  if (n_character(line) <= width) return std::string(line);
  const size_t hang = std::min(hanging_indent(line), width / 2);
  const std::string indent(hang, ' ');
  std::string out(line.substr(0, hang));
  size_t used = hang;
  bool empty = true;
  for (const std::string& word : split(line.substr(hang), ' ')) {
    const size_t n = n_character(word);
    if (!empty && used + 1 + n > width) {
      out += "\n" + indent;
      used = hang, empty = true;
    }
    if (!empty) out += ' ', ++used;
    out += word, used += n, empty = false;
  }
  return out;
}

std::string wrapped(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  for (const std::string& line : split(text, '\n')) lines.push_back(wrapped_line(line, width));
  return join(lines, "\n");
}

}  // namespace rouse
