/// eval/tasks/strategyqa.cpp - StrategyQA (arXiv:2101.02235), yes-or-no questions that take several steps;
/// MIT.
///
/// Protocol: 4 chain-of-thought examples as SCMoE uses them, greedy until a blank line; the last yes or no
/// after "answer is", else the last anywhere, else no.
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
                  " So the answer is " + text_field(e, "answer") + ".\n\n";
  }
  out.prompt += "Question: " + text_field(record, "question") + "\nAnswer:";
  return out;
}

Scores score(const Item& item, const Response& response) {
  return {{"exact_match", last_yes_no(response.text).value_or("no") == item.target}};
}

}  // namespace

constinit const TaskEntry kStrategyqa = {
    .name = "strategyqa",
    .help = "yes-or-no questions of several steps, 4-shot chain of thought",
    .source = "eladsegal/strategyqa, or DavidFanzz/SCMoE data/strategy_qa (MIT)",
    .file = "strategyqa.jsonl",
    .sha256 = "5cc3994ef622a4c4346e378e3579b899a7df1be61c0bf159c48426d198702cbe",
    .metric = "exact_match",
    .kind = TaskKind::text,
    .item = item,
    .score = score,
    .shots = "fewshot/strategyqa.json",
    .n_shot = 4,
    .stop = {"\n\n"},
};

}  // namespace rouse
