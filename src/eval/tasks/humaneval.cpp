/// eval/tasks/humaneval.cpp - HumanEval (arXiv:2107.03374), Python functions from their docstrings; MIT.
///
/// Protocol: the prompt is continued greedily until other code begins (the stops of the paper, and the fence
/// that a prompt may have opened); pass@1 by the official tests, in the sandbox. An answer that is no
/// continuation may hold the function in a fenced block instead: then the stops do not count, and the answer
/// ends with the block. Published scoring: scmoe.
#include "base/error.h"
#include "base/text.h"
#include "eval/code.h"
#include "eval/published.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

constexpr const char* kStops[] = {"\nclass", "\ndef", "\n#", "\nif", "\nprint", "\n```"};

/// The body of a function follows: the first line that is not blank is set in.
bool continues(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return false;
  const size_t line = first == 0 ? 0 : text.rfind('\n', first - 1) + 1;  // npos + 1 is 0
  return first >= line + 2 || text[line] == '\t';                        // one space may be the vocabulary's
}

size_t end(const std::string& text) {
  return continues(text) ? first_of(text, kStops) : fence_end(text);
}

Item item(const EvalJson& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "task_id");
  out.prompt = text_field(record, "prompt");
  out.target = text_field(record, "canonical_solution");
  (void)text_field(record, "test");
  (void)text_field(record, "entry_point");
  return out;
}

/// What a fenced block makes of the prompt: its function in place of the prompt's, or the prompt's body.
std::string completed(const Item& item, const std::string& block) {
  const std::string name = text_field(item.doc, "entry_point");
  if (!defines(block, name)) return item.prompt + (continues(block) ? block : indented(block));
  if (block.rfind("from __future__ ", 0) == 0) return block;  // must come first, so it is a whole program
  const size_t function = ("\n" + item.prompt).find("\ndef " + name + "(");
  return item.prompt.substr(0, std::min(function, item.prompt.size())) + block;
}

/// The prompt and what stands for its body: a continuation, which ended where other code began; a fenced
/// block; else what comes before other code.
std::string function_of(const Item& item, const std::string& text) {
  if (continues(text)) return item.prompt + text;
  if (const auto block = fenced_code(text)) return completed(item, *block);
  return item.prompt + text.substr(0, first_of(text, kStops));
}

std::string program(const Item& item, const std::string& text) {
  return function_of(item, text) + "\n" + text_field(item.doc, "test") + "\ncheck(" +
         text_field(item.doc, "entry_point") + ")\n";
}

std::string scmoe_program(const Item& item, const std::string& text) {
  return scmoe_humaneval_code(item.prompt, text) + "\n\n" + text_field(item.doc, "test") + "\ncheck(" +
         text_field(item.doc, "entry_point") + ")";
}

/// The documented form is the official one.
std::vector<EvalJson> import(const Source& source) {
  return source.convert(source.records(), [](const EvalJson& r, size_t) { return r; });
}

}  // namespace

static constexpr TaskEntry kEntry = {
    .name = "humaneval",
    .help = "Python functions from their docstrings, pass@1 in the sandbox",
    .source = "openai/human-eval, data/HumanEval.jsonl.gz (MIT)",
    .file = "humaneval.jsonl",
    .sha256 = "f996670966a4e59f2d7bfe6155317acfebfb9a3223ac366aac199ea59396204f",
    .metric = "pass@1",
    .kind = TaskKind::text,
    .item = item,
    .score = nullptr,
    .version = 2,
    .end = end,
    .program = program,
    .import = import,
};
constinit const TaskEntry kHumaneval = kEntry;

constinit const TaskEntry kHumanevalScmoe = [] {
  TaskEntry t = kEntry;
  t.protocol = "scmoe", t.version = 1;
  t.help = "until \"\\ndef\" or \"\\nif __name__\"; the first line set in by four spaces whatever it was";
  t.stop[0] = "\ndef", t.stop[1] = "\nif __name__", t.end = nullptr;
  t.program = scmoe_program;
  return t;
}();

}  // namespace rouse
