#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/clock.h"

namespace rouse {

bool use_color(int file) {
  return isatty(file) && !std::getenv("NO_COLOR");
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), begin_(now_seconds()), enabled_(isatty(STDERR_FILENO)) {}

void ProgressBar::update(double done, const std::string& note) {
  const double now = now_seconds();
  if (first_ < 0) first_ = now - begin_ < 2 ? done : 0;
  if (done >= 1 && std::exchange(shown_, false)) std::fprintf(stderr, "\r\033[K");
  if (done >= 1 || !enabled_ || now - begin_ < 2 || now - last_ < 0.2) return;
  last_ = now;
  shown_ = true;
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(done * kWidth);
  const double left = done > first_ ? (now - begin_) * (1 - done) / (done - first_) : 0;
  std::fprintf(stderr, "\r%s [%s%s] %3.0f%%  %.0f s left %s\033[K", label_.c_str(),
               std::string(static_cast<size_t>(filled), '#').c_str(),
               std::string(static_cast<size_t>(kWidth - filled), '.').c_str(), done * 100, left,
               note.c_str());
}

ProgressBar::~ProgressBar() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
}

}  // namespace rouse
