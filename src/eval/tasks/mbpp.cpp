/// eval/tasks/mbpp.cpp - MBPP (arXiv:2108.07732), short Python tasks; CC BY 4.0.
///
/// Protocol: three examples (tasks 2, 3 and 4), the task with its tests, "[BEGIN]"; greedy until "[DONE]", or
/// to the end of a fenced block; pass@1 in the sandbox: the code (that of the block, where there is one),
/// then the setup code, then the tests (the setup of one record needs what the code defines). Published
/// scoring: scmoe.
#include "base/json.h"
#include "base/text.h"
#include "eval/code.h"
#include "eval/published.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

std::string question(const JsonValue& record) {
  std::string out =
      "You are an expert Python programmer, and here is your task: " + text_field(record, "prompt") +
      " Your code should pass these tests:\n\n";
  for (const std::string& test : texts_field(record, "test_list")) out += test + "\n";
  return out + "[BEGIN]\n";
}

Item item(const JsonValue& record, const TaskInput& input) {
  Item out;
  out.id = text_field(record, "id");
  for (int i = 0; i < input.n_shot; ++i) {
    const JsonValue e = shot(input, i);
    out.prompt += question(e) + text_field(e, "code") + "\n[DONE]\n\n";
  }
  out.prompt += question(record);
  out.target = text_field(record, "code");
  (void)text_field(record, "setup_code");
  return out;
}

std::string program(const Item& item, const std::string& text) {
  const std::string code = fenced_code(text).value_or(text);
  return code + "\n" + text_field(item.doc, "setup_code") + "\n" +
         join(texts_field(item.doc, "test_list"), "\n") + "\n";
}

std::string scmoe_program(const Item& item, const std::string& text) {
  return scmoe_mbpp_code(text) + "\n" + join(texts_field(item.doc, "test_list"), "\n");
}

/// {"task_id", "text", "code", "test_list", "test_setup_code", "challenge_test_list"}; the test split is 11
/// to 510.
std::vector<EvalJson> import_tasks(const Source& source, int64_t first, int64_t last) {
  return source.convert(source.records(), [&](const JsonValue& r, size_t) -> EvalJson {
    const int64_t number = integer_field(r, "task_id", 1, INT32_MAX);
    if (number < first || number > last) return nullptr;
    std::string code = text_field(r, "code");
    std::erase(code, '\r');
    const auto challenge = r.find("challenge_test_list"), setup = r.find("test_setup_code");
    return {{"id", cat("mbpp_", number)},
            {"prompt", text_field(r, "text")},
            {"test_list", texts_field(r, "test_list")},
            {"challenge_test_list", challenge ? challenge->texts(0, 1000) : std::vector<std::string>{}},
            {"setup_code", setup ? setup->text() : ""},
            {"code", code}};
  });
}

std::vector<EvalJson> import(const Source& source) {
  return import_tasks(source, 11, 510);
}

/// The paper's: tasks 2, 3 and 4, of the split that is for prompts.
EvalJson import_shots(const Source& source) {
  EvalJson examples = EvalJson::array();
  for (const EvalJson& r : import_tasks(source, 2, 4))
    examples.push_back(
        {{"id", r["id"]}, {"prompt", r["prompt"]}, {"test_list", r["test_list"]}, {"code", r["code"]}});
  if (examples.size() < 3) return nullptr;
  return {{"source", "google-research/google-research, mbpp.jsonl, tasks 2 to 4"}, {"examples", examples}};
}

}  // namespace

static constexpr TaskEntry kEntry = {
    .name = "mbpp",
    .help = "short Python tasks, 3-shot, pass@1 in the sandbox",
    .source = "google-research/google-research, mbpp/mbpp.jsonl (CC BY 4.0)",
    .file = "mbpp_test.jsonl",
    .sha256 = "c7d7254dfd42c9bb8a65fedcaf42bf8834edb83b8a0be1abc7fc34633d8f8c0c",
    .metric = "pass@1",
    .kind = TaskKind::text,
    .item = item,
    .score = nullptr,
    .version = 2,
    .shots = "fewshot/mbpp.json",
    .n_shot = 3,
    .stop = {"[DONE]"},
    .end = fence_end,
    .program = program,
    .import = import,
    .import_shots = import_shots,
};
constinit const TaskEntry kMbpp = kEntry;

constinit const TaskEntry kMbppScmoe = [] {
  TaskEntry t = kEntry;
  t.protocol = "scmoe", t.version = 1;
  t.help = "until \"[DONE]\" or a blank line; the first function alone, without the setup code";
  t.stop[1] = "\n\n", t.end = nullptr;
  t.program = scmoe_program;
  return t;
}();

}  // namespace rouse
