/// eval/fewshot.h - the worked examples before a question: the user's file, or rouse's own.
///
/// Published examples are not rouse's to ship. `rouse data import` takes them over from where they are
/// published; without a file, tasks under rouse's own protocol take models/fewshot/, and say so.
#pragma once

#include <string>

#include "eval/task.h"

namespace rouse {

/// Where a task's examples are.
struct FewshotFile {
  std::string path;
  bool own = false;  ///< rouse's
};
/// The folder's file, else rouse's own. Throws Error (usage) where there is neither, or where the protocol is
/// a published one: its scores are of the published examples.
FewshotFile find_fewshot(const TaskEntry& task, const std::string& folder);

/// Whether it is a prompt as papers and repositories print it: text or Markdown.
bool is_prompt_text(const std::string& path);
/// "Question: ...\nAnswer: ... The answer is 6.", a blank line between two, as a few-shot file whose
/// answer_sentence is "The answer is {answer}.". Throws Error (usage) naming the example.
EvalJson worked_examples(const Source& source, const std::string& answer_sentence);
/// "Q: ...\nA: ...", likewise.
EvalJson plain_examples(const Source& source);

}  // namespace rouse
