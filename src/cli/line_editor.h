/// cli/line_editor.h - messages typed at a terminal, by libedit: arrows, Emacs' keys, a history with search;
/// and what libedit lacks: several pasted lines are one message.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/interrupts.h"
#include "cli/line_history.h"

struct editline;

namespace rouse {

/// A message of several lines: pasted (bracketed paste), by Alt-Enter, or by \ at a line's end. The user's
/// ~/.editrc has the last word on keys.
class LineEditor {
 public:
  /// Whole words that the last one of what stands before the cursor could become.
  using Complete = std::function<std::vector<std::string>(const std::string& before)>;
  /// history: a file, or none (LineHistory). On standard output, or on standard error where that is no
  /// terminal. `interrupts` must outlive it. Throws Error where the terminal cannot be edited on.
  LineEditor(Interrupts& interrupts, const std::string& history, Complete complete);
  ~LineEditor();

  enum class End { line, interrupted, closed };
  struct Line {
    End end;
    std::string text;  ///< without the newline at its end; of an interrupted one what was typed so far
  };
  /// Waits for Enter, Ctrl-C, or Ctrl-D on an empty line. What was entered is added to the history.
  Line read();
  const LineHistory& history() const { return history_; }

 private:
  static int read_character(editline* editor, wchar_t* character);
  static unsigned char insert_paste(editline* editor, int);
  static unsigned char insert_newline(editline* editor, int);
  static unsigned char complete_word(editline* editor, int);
  static wchar_t* prompt(editline* editor);
  int next_byte(editline* editor);
  void bind_keys();
  void take_terminal();
  void draw_again();
  void end_line(const char* shown);

  Interrupts& interrupts_;
  LineHistory history_;
  Complete complete_;
  std::FILE* out_;
  std::unique_ptr<editline, void (*)(editline*)> editor_;
  bool interrupted_ = false, continued_ = false, brackets_;
  std::wstring typed_;  ///< when Ctrl-C came
};

}  // namespace rouse
