/// eval/tasks/humaneval.cpp - HumanEval (arXiv:2107.03374), Python functions from their docstrings; MIT.
///
/// Protocol: the prompt is continued greedily until a new top-level definition; pass@1 by the official tests,
/// in the sandbox.
#include "base/json.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

Item item(const JsonValue& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "task_id");
  out.prompt = text_field(record, "prompt");
  out.target = text_field(record, "canonical_solution");
  (void)text_field(record, "test");
  (void)text_field(record, "entry_point");
  return out;
}

std::string program(const Item& item, const std::string& text) {
  return item.prompt + text + "\n" + text_field(item.doc, "test") + "\ncheck(" +
         text_field(item.doc, "entry_point") + ")\n";
}

/// The documented form is the official one.
std::vector<EvalJson> import(const Source& source) {
  return source.convert(source.records(), [](const JsonValue& r, size_t) { return r.json(); });
}

}  // namespace

constinit const TaskEntry kHumaneval = {
    .name = "humaneval",
    .help = "Python functions from their docstrings, pass@1 in the sandbox",
    .source = "openai/human-eval, data/HumanEval.jsonl.gz (MIT)",
    .file = "humaneval.jsonl",
    .sha256 = "f996670966a4e59f2d7bfe6155317acfebfb9a3223ac366aac199ea59396204f",
    .metric = "pass@1",
    .kind = TaskKind::text,
    .item = item,
    .score = nullptr,
    .stop = {"\ndef", "\nclass", "\nif __name__"},
    .program = program,
    .import = import,
};

}  // namespace rouse
