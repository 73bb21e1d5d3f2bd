/// cli/progress.h - what a terminal shows of long work.
#pragma once

#include <string>

namespace rouse {

/// One bar on a terminal for work over two seconds; silent otherwise. It goes when all is done.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  void update(double done, const std::string& note = "");

 private:
  std::string label_;
  double begin_, last_ = 0;
  bool enabled_, shown_ = false;
};

/// A terminal that wants colour: NO_COLOR is unset and standard output is a terminal.
bool use_color();

}  // namespace rouse
