/// eval/task_template.h - what a task file takes from every record: a field by its name, or a Jinja template.
///
/// The rules are lm-evaluation-harness's for doc_to_text and its like. The engine is that of chat templates
/// (tokenizer/template_child.h), in a process with limits: a task file may come from anybody.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "eval/task.h"

namespace rouse {

/// What was made of one record, or why nothing was.
struct Made {
  EvalJson value;
  std::string error;
};

class TaskTemplate {
 public:
  /// `place` begins its errors: "t.json: doc_to_text". Throws nothing: a template is read when it is used.
  TaskTemplate(std::string source, std::string place)
      : source_(std::move(source)), place_(std::move(place)) {}
  /// Texts. Where the records have a field with the template's very name it is that, else the template
  /// rendered with the fields as variables. Throws Error (usage) where many records fail, with the first
  /// one's.
  std::vector<Made> texts(std::span<const EvalJson* const> records) const;
  /// Values: of "{{ expression }}" its value, of any other template its text.
  std::vector<Made> values(std::span<const EvalJson* const> records) const;

 private:
  std::vector<Made> made(std::span<const EvalJson* const> records, bool texts) const;

  std::string source_, place_;
};

}  // namespace rouse
