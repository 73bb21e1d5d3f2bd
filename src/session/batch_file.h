/// cli/batch_file.h - the two files of `rouse run --batch`: prompts with options of their own, and their
/// answers.
#pragma once

#include <map>

#include "base/json.h"
#include "cli/run_command.h"
#include "session/identity.h"

namespace rouse {

struct BatchItem {
  std::string where;  ///< file:line
  Request request;    ///< with an id
};
/// One record over the command line's options. Throws Error (exit 2).
BatchItem batch_item(const RunOptions& base, const JsonValue& record);
/// All of them. Throws Error (exit 2) naming file and line; an id that occurs twice with both of them.
std::vector<BatchItem> read_batch(const RunOptions& o);

/// A line of an earlier run.
struct EarlierAnswer {
  std::string where;  ///< file:line
  std::string
      identity;  ///< see AnswerIdentity; of a row that an earlier rouse wrote "", and its inputs instead
  std::string inputs;
  bool failed = false;
};
/// By id as JSON, the last where there are several. Only reads. Throws Error (exit 2) at a line that is no
/// answer.
std::map<std::string, EarlierAnswer> read_answers(const std::string& path);

}  // namespace rouse
