/// eval/tasks/mbpp.cpp - MBPP (arXiv:2108.07732), short Python tasks; CC BY 4.0.
///
/// Protocol: three examples (tasks 2, 3 and 4), the task with its tests, "[BEGIN]"; greedy until "[DONE]";
/// pass@1 in the sandbox: the code, then the setup code, then the tests (the setup of one record needs what
/// the code defines).
#include "base/error.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

std::string question(const EvalJson& record) {
  std::string out =
      "You are an expert Python programmer, and here is your task: " + text_field(record, "prompt") +
      " Your code should pass these tests:\n\n";
  for (const std::string& test : texts_field(record, "test_list")) out += test + "\n";
  return out + "[BEGIN]\n";
}

Item item(const EvalJson& record, const TaskInput& input) {
  Item out;
  out.id = text_field(record, "id");
  for (int i = 0; i < input.n_shot; ++i) {
    const EvalJson& e = input.shots["examples"][static_cast<size_t>(i)];
    out.prompt += question(e) + text_field(e, "code") + "\n[DONE]\n\n";
  }
  out.prompt += question(record);
  out.target = text_field(record, "code");
  (void)text_field(record, "setup_code");
  return out;
}

std::string program(const Item& item, const std::string& text) {
  std::string out = text + "\n" + text_field(item.doc, "setup_code") + "\n";
  for (const std::string& test : texts_field(item.doc, "test_list")) out += test + "\n";
  return out;
}

}  // namespace

constinit const TaskEntry kMbpp = {
    .name = "mbpp",
    .help = "short Python tasks, 3-shot, pass@1 in the sandbox",
    .source = "google-research/google-research, mbpp/ (CC BY 4.0)",
    .file = "mbpp_test.jsonl",
    .sha256 = "c7d7254dfd42c9bb8a65fedcaf42bf8834edb83b8a0be1abc7fc34633d8f8c0c",
    .metric = "pass@1",
    .kind = TaskKind::text,
    .item = item,
    .score = nullptr,
    .shots = "fewshot/mbpp.json",
    .n_shot = 3,
    .stop = {"[DONE]"},
    .program = program,
};

}  // namespace rouse
