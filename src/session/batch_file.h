/// session/batch_file.h - the two files of a batch (`rouse run --batch`): prompts with options of their own,
/// and their answers.
#pragma once

#include <map>

#include "base/json.h"
#include "session/identity.h"
#include "session/request.h"

namespace rouse {

struct BatchItem {
  std::string where;  ///< file:line
  Request request;    ///< with an id
};
/// All of them; what a line leaves out is that of `base`. Throws Error (usage) naming file and line; an id
/// that occurs twice with both of them.
std::vector<BatchItem> read_batch(const std::string& path, const Request& base, const RequestRules& rules);

/// A line of an earlier run.
struct EarlierAnswer {
  std::string where;  ///< file:line
  std::string
      identity;  ///< see AnswerIdentity; of a row that an earlier rouse wrote "", and its inputs instead
  std::string inputs;
  bool failed = false;
};
/// By id as JSON, the last where there are several. Only reads. Throws Error (usage) at a line that is no
/// answer.
std::map<std::string, EarlierAnswer> read_answers(const std::string& path);

}  // namespace rouse
