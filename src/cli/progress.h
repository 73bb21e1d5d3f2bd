/// cli/progress.h - what a terminal shows of long work.
#pragma once

#include <string>

namespace rouse {

/// One bar on a terminal for work over two seconds; silent otherwise. It goes when all is done.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  /// `done` in [0, 1]. Time left is reckoned from what was done since the first call.
  void update(double done, const std::string& note = "");

 private:
  void clear();

  std::string label_;
  double begin_, last_ = 0;
  double first_ = -1;  ///< what was done before the bar began; -1: not known yet
  bool enabled_, shown_ = false;
  size_t n_shown_ = 0;  ///< characters of the line
};

/// "label [####....]  50%  3 s left note" of at most `width` characters: the bar gives way first, then the
/// label, then the note.
std::string progress_line(const std::string& label, double done, double seconds_left, const std::string& note,
                          size_t width);

/// A terminal that wants colour: NO_COLOR is unset and the file, standard output if not said, is a terminal.
bool use_color(int file = 1);

}  // namespace rouse
