/// cli/batch_file.h - the two files of `rouse run --batch`: prompts with options of their own, and their
/// answers.
#pragma once

#include <map>

#include "base/json.h"
#include "cli/run_command.h"

namespace rouse {

struct BatchItem {
  Json id;            ///< text or an integer: 7 and "7" are two
  std::string where;  ///< file:line
  RunOptions options;
  std::string prompt;
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

/// What an answer depends on: the prompt's tokens, the method with everything that it reads from files, how
/// tokens are chosen, the models; as a hash. Its functions throw Error as starting the item would.
class AnswerIdentity {
 public:
  explicit AnswerIdentity(const Session& session);
  std::string of(const BatchItem& item) const;
  /// As much of it as answers without an identity hold.
  std::string inputs(const BatchItem& item) const;

 private:
  const Session& session_;
  std::string model_, amateur_;  ///< fingerprints
};

}  // namespace rouse
