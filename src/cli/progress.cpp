#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/table.h"
#include "base/text.h"
#include "base/unicode.h"
#include "cli/terminal.h"

namespace rouse {

bool use_color(int file) {
  return isatty(file) && !std::getenv("NO_COLOR");
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), begin_(now_seconds()), enabled_(isatty(STDERR_FILENO)) {}

std::string progress_line(const std::string& label, double done, double seconds_left, const std::string& note,
                          size_t width) {
  constexpr size_t kBar = 30, kLeastBar = 5, kLeastLabel = 8;
  const std::string numbers = formatted(" %3.0f%%  %.0f s left", done * 100, seconds_left);
  const std::string more = note.empty() ? "" : " " + note;
  const auto room = [&](size_t used) { return width - std::min(width, used); };
  // The bar gives way first, then the label, then the note.
  const size_t usual = n_character(label) + 3 + numbers.size() + n_character(more);
  const size_t bar = std::clamp(room(usual), kLeastBar, kBar);
  const size_t fixed = 3 + bar + numbers.size();
  const size_t label_room = std::max(room(fixed + n_character(more)), kLeastLabel);
  const std::string name = shortened(label, label_room);
  const size_t filled = static_cast<size_t>(std::clamp(done, 0.0, 1.0) * static_cast<double>(bar));
  std::string out = cat(name, " [", std::string(filled, '#'), std::string(bar - filled, '.'), "]", numbers);
  if (n_character(out) + n_character(more) <= width) return out + more;
  if (!note.empty()) return progress_line(label, done, seconds_left, "", width);
  return n_character(out) <= width ? out : shortened(name + numbers, width);
}

void ProgressBar::clear() {
  if (!std::exchange(shown_, false)) return;
  // A window that was narrowed since has broken the line: its rows above go, too.
  const size_t width = terminal_width(STDERR_FILENO);
  const size_t above = n_shown_ == 0 ? 0 : (n_shown_ - 1) / width;
  if (above > 0) std::fprintf(stderr, "\033[%zuA", above);
  std::fprintf(stderr, "\r\033[J");
}

void ProgressBar::update(double done, const std::string& note) {
  const double now = now_seconds();
  if (first_ < 0) first_ = now - begin_ < 2 ? done : 0;
  if (done >= 1) clear();
  if (done >= 1 || !enabled_ || now - begin_ < 2 || now - last_ < 0.2) return;
  last_ = now;
  const double left = done > first_ ? (now - begin_) * (1 - done) / (done - first_) : 0;
  // The last column stays free: a terminal that it is written to may begin a line.
  const std::string line = progress_line(label_, done, left, note, terminal_width(STDERR_FILENO) - 1);
  clear();
  std::fprintf(stderr, "%s", line.c_str());
  shown_ = true;
  n_shown_ = n_character(line);
}

ProgressBar::~ProgressBar() {
  clear();
}

}  // namespace rouse
