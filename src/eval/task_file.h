/// eval/task_file.h - a benchmark without C++: a JSON file that says where items are, how they are asked and
/// how answers are scored.
///
/// Its keys are those of lm-evaluation-harness's task files (docs/eval.md), so a JSON file whose data are
/// local files can be one of both. What comes of it is a TaskEntry like any other.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eval/task_scores.h"
#include "eval/task_template.h"

namespace rouse {

constexpr size_t kMostTaskChoices = 1024;

/// doc_to_text and its like, for items or for few-shot examples, which may have others.
struct TaskForm {
  std::vector<TaskTemplate> choices;       ///< one: a list of them; several: one each
  bool listed = false;                     ///< choices are one each
  std::vector<TaskTemplate> text, target;  ///< one each
  std::string target_delimiter = " ";
};

class TaskFile {
 public:
  /// Reads and checks everything but the data. Throws Error (usage) naming file, key, what was found and what
  /// was wanted.
  explicit TaskFile(const std::string& path);
  TaskFile(const TaskFile&) = delete;
  TaskFile& operator=(const TaskFile&) = delete;

  /// Points into this object.
  const TaskEntry& entry() const { return entry_; }
  const EvalJson& config() const { return config_; }
  const std::string& sha256() const { return sha256_; }
  /// Items; of records that make none, why, by file and line. Throws Error (usage) where there is no data,
  /// too few examples, or an example that makes none.
  LoadedTask load(int n_shot) const;
  Scores score(const Item& item, const Response& response) const;
  /// The program of metric pass@1: the code that was written, then the right answer, which tests it.
  std::string program(const Item& item, const std::string& text) const;

 private:
  struct Asked;
  void read_data(const JsonValue& root);
  void read_form(const JsonValue& root, TaskForm& form, const std::string& where) const;
  void read_fewshot(const JsonValue& root);
  void read_generation(const JsonValue& root);
  void read_metrics(const JsonValue& root);
  std::vector<Asked> asked(const TaskForm& form, std::span<const EvalJson* const> records) const;
  std::vector<std::string> shots(int n_shot) const;
  EvalJson gold_of(const Asked& asked) const;

  std::string path_, sha256_, name_, help_, data_, shots_data_, metric_;
  EvalJson config_, samples_;
  bool text_ = false, pass_ = false;
  TaskForm form_, shot_form_;
  std::string fewshot_delimiter_ = "\n\n";
  std::vector<TaskTemplate> description_, group_;  ///< one or none
  std::vector<std::string> stops_;
  const TaskExtractor* extractor_ = nullptr;
  std::vector<std::pair<const TextMetric*, MatchOptions>> text_metrics_;
  std::vector<const ChoiceMetric*> choice_metrics_;
  TaskEntry entry_{};
};

/// Reads them all. Throws Error (usage) where two have one name, or one a benchmark's.
std::vector<std::unique_ptr<TaskFile>> read_task_files(std::span<const std::string> paths);

}  // namespace rouse
