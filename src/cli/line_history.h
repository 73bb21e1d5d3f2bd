/// cli/line_history.h - what was typed in earlier sessions: one JSON text a line, so that a message of
/// several lines is one entry.
#pragma once

#include <memory>
#include <string>

struct historyW;

namespace rouse {

/// $XDG_STATE_HOME/rouse/chat_history, or the same under ~/.local/state; empty: nowhere.
std::string history_path();

class LineHistory {
 public:
  static constexpr int kMostLines = 1000;
  static constexpr size_t kMostBytes = 64 << 10;  ///< of an entry in the file

  /// Reads the file, if there is one, and cuts it to its last lines where it has grown past twice as many.
  /// Empty: nothing is read or written. Lines that are no JSON text are passed over.
  explicit LineHistory(std::string path);
  ~LineHistory();
  /// At once, so that sessions side by side add to one file and a crash loses nothing.
  void add(const std::string& line);
  /// What arrow keys and searches go through; as libedit takes it.
  historyW* entries() const { return entries_.get(); }
  /// Why the file is not used (any more), or "".
  const std::string& problem() const { return problem_; }

 private:
  void remember(const std::string& line);
  void load();
  void give_up(const std::string& why);

  std::string path_, problem_;
  std::unique_ptr<historyW, void (*)(historyW*)> entries_;
};

}  // namespace rouse
