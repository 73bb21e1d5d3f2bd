/// eval/tasks/gsm8k.cpp - GSM8K (arXiv:2110.14168), grade-school word problems; MIT.
///
/// Protocol: the 8 chain-of-thought examples of Wei et al. (arXiv:2201.11903) as SCMoE uses them, "Question:
/// ...\nAnswer:
/// ...\n\n"; greedy until a blank line; exact match of the last number after "The answer is", else the last
/// number. Departure: 512 tokens at most and the end token is allowed (the SCMoE code forbids it:
/// --ignore-eos).
#include "decoding/vote.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

Item item(const EvalJson& record, const TaskInput& input) {
  Item out;
  out.id = text_field(record, "id");
  out.target = text_field(record, "answer");
  for (int i = 0; i < input.n_shot; ++i) {
    const EvalJson& e = input.shots["examples"][static_cast<size_t>(i)];
    out.prompt += "Question: " + text_field(e, "question") + "\nAnswer: " + text_field(e, "rationale") +
                  " The answer is " + text_field(e, "answer") + ".\n\n";
  }
  out.prompt += "Question: " + text_field(record, "question") + "\nAnswer:";
  return out;
}

Scores score(const Item& item, const Response& response) {
  return {{"exact_match", last_number(response.text) == last_number(item.target)}};
}

}  // namespace

constinit const TaskEntry kGsm8k = {
    .name = "gsm8k",
    .help = "grade-school word problems, 8-shot chain of thought, exact match of the number",
    .source = "openai/grade-school-math, data/test.jsonl (MIT)",
    .file = "gsm8k_test.jsonl",
    .sha256 = "913f23db84d235d3a50a30390092ac5958e48d337037be63128f38e43c304179",
    .metric = "exact_match",
    .kind = TaskKind::text,
    .item = item,
    .score = score,
    .shots = "fewshot/gsm8k.json",
    .n_shot = 8,
    .stop = {"\n\n"},
};

}  // namespace rouse
