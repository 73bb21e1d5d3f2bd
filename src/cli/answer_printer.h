/// cli/answer_printer.h - an answer on standard output while it grows; on a terminal what a model thinks
/// before it, dimmed.
#pragma once

#include "decoding/answer_text.h"

namespace rouse {

class AnswerPrinter {
 public:
  /// reasoning: it is shown where a person reads.
  explicit AnswerPrinter(bool reasoning = true);
  ~AnswerPrinter();
  AnswerPrinter(const AnswerPrinter&) = delete;
  AnswerPrinter& operator=(const AnswerPrinter&) = delete;
  /// What the generation calls; this must outlive it.
  OnText text();
  OnText reasoning();
  void finish();

 private:
  void leave_reasoning(const char* gap);
  bool shown_, color_;
  bool in_reasoning_ = false;
};

}  // namespace rouse
