#include "cli/answer_printer.h"

#include <unistd.h>

#include <cstdio>

#include "cli/output.h"
#include "cli/progress.h"

namespace rouse {

AnswerPrinter::AnswerPrinter(bool reasoning)
    : shown_(reasoning && isatty(STDOUT_FILENO)), color_(use_color()) {}

/// Where an error ended it, the terminal must not stay dim.
AnswerPrinter::~AnswerPrinter() {
  if (in_reasoning_ && color_) std::fputs("\033[0m\n", stderr);
}

OnText AnswerPrinter::text() {
  return [this](const std::string& piece) {
    leave_reasoning("\n\n");
    print_now(piece);
  };
}

OnText AnswerPrinter::reasoning() {
  return [this](const std::string& piece) {
    if (!shown_) return;
    if (!in_reasoning_) print_now(color_ ? "\033[2m" : "[reasoning]\n");
    in_reasoning_ = true;
    print_now(piece);
  };
}

void AnswerPrinter::finish() {
  leave_reasoning("");
}

void AnswerPrinter::leave_reasoning(const char* gap) {
  if (!in_reasoning_) return;
  in_reasoning_ = false;
  print_now(std::string(color_ ? "\033[0m" : "\n[answer]") + gap);
}

}  // namespace rouse
