/// eval/tasks/strategyqa.cpp - StrategyQA (arXiv:2101.02235), yes-or-no questions that take several steps;
/// MIT.
///
/// Protocol: 4 chain-of-thought examples as SCMoE uses them, greedy until a blank line or the model's next
/// question; the last yes or no after "answer is", else the last anywhere, else no. Published scoring: scmoe.
#include "base/json.h"
#include "decoding/vote.h"
#include "eval/fewshot.h"
#include "eval/published.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

Item item(const JsonValue& record, const TaskInput& input) {
  Item out = chain_of_thought_item(record, input);
  require(out.target == "yes" || out.target == "no", "field answer is \"", out.target,
          "\", expected yes or no");
  return out;
}

Scores score(const Item& item, const Response& response) {
  return {{"exact_match", last_yes_no(response.text).value_or("no") == item.target}};
}

Scores scmoe_score(const Item& item, const Response& response) {
  return {{"exact_match", scmoe_yes_no(response.text).value_or("no") == item.target}};
}

/// A list of {"qid", "question", "answer": true or false, ...}
std::vector<EvalJson> import(const Source& source) {
  return source.convert(source.records(), [](const JsonValue& r, size_t) -> EvalJson {
    const std::string question = text_field(r, "question");
    return {{"id", "strategyqa_" + text_field(r, "qid")},
            {"question", question},
            {"answer", r.at("answer").boolean() ? "yes" : "no"}};
  });
}

/// A prompt as text. (What is asked here is the labelled set, so none of it can be an example.)
EvalJson import_shots(const Source& source) {
  return is_prompt_text(source.path()) ? worked_examples(source, "So the answer is {answer}.") : EvalJson();
}

}  // namespace

static constexpr TaskEntry kEntry = {
    .name = "strategyqa",
    .help = "yes-or-no questions of several steps, 4-shot chain of thought",
    .source = "eladsegal/strategyqa, strategyqa_train.json (MIT)",
    .file = "strategyqa.jsonl",
    .sha256 = "5cc3994ef622a4c4346e378e3579b899a7df1be61c0bf159c48426d198702cbe",
    .metric = "exact_match",
    .kind = TaskKind::text,
    .item = item,
    .score = score,
    .version = 2,
    .shots = "fewshot/strategyqa.json",
    .n_shot = 4,
    .stop = {"\n\n", "\nQuestion:"},
    .vote = last_yes_no,
    .import = import,
    .import_shots = import_shots,
};
constinit const TaskEntry kStrategyqa = kEntry;

constinit const TaskEntry kStrategyqaScmoe = [] {
  TaskEntry t = kEntry;
  t.protocol = "scmoe", t.version = 1;
  t.help =
      "until a blank line; yes or no after the phrase that is last in a list of eight, or before one of five";
  t.stop[1] = nullptr;
  t.score = scmoe_score, t.vote = scmoe_yes_no;
  return t;
}();

}  // namespace rouse
