/// eval/tasks/arc.cpp - ARC (arXiv:1803.05457), science questions of two difficulties; CC BY-SA 4.0.
///
/// Protocol: zero shot, "Question: ...\nAnswer:" and the text of each choice; acc by the summed
/// log-likelihood, acc_norm by that over the choice's length in characters, as lm-evaluation-harness does.
#include "base/json.h"
#include "base/unicode.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

Item item(const JsonValue& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "id");
  out.prompt = "Question: " + text_field(record, "question") + "\nAnswer:";
  for (const std::string& choice : texts_field(record, "choices"))
    out.choices.push_back(" " + not_blank(choice, "choices"));
  const auto answer = integer_field(record, "answer", 0, static_cast<int64_t>(out.choices.size()) - 1);
  out.target = out.choices[static_cast<size_t>(answer)];
  return out;
}

Scores score(const Item& item, const Response& response) {
  const std::vector<double> sums = totals(response);
  std::vector<double> by_length;
  for (size_t i = 0; i < sums.size(); ++i)
    by_length.push_back(
        sums[i] / (static_cast<double>(n_character(item.choices[i])) - 1));  // without the leading space
  const auto answer = item.doc["answer"].get<size_t>();
  return {{"acc", best_of(sums) == answer}, {"acc_norm", best_of(by_length) == answer}};
}

/// {"id", "question": {"stem", "choices": [{"text", "label"}]}, "answerKey"}
std::vector<EvalJson> import(const Source& source) {
  return source.convert(source.records(), [](const JsonValue& r, size_t) -> EvalJson {
    const std::string key = text_field(r, "answerKey");
    EvalJson record{{"id", text_field(r, "id")}};
    const JsonValue question = r.at("question");
    record["question"] = text_field(question, "stem");
    record["choices"] = EvalJson::array();
    int answer = -1;
    for (const JsonValue& choice : question.at("choices").list(1, 1000)) {
      if (text_field(choice, "label") == key) answer = static_cast<int>(record["choices"].size());
      record["choices"].push_back(text_field(choice, "text"));
    }
    require(answer >= 0, "no choice has the label ", key);
    record["answer"] = answer;
    record["subject"] = "science";
    return record;
  });
}

}  // namespace

constinit const TaskEntry kArcChallenge = {
    .name = "arc_challenge",
    .help = "ARC-Challenge: science questions, the likeliest choice",
    .source = "AI2 ARC, ARC-Challenge-Test.jsonl (CC BY-SA 4.0)",
    .file = "arc_challenge.jsonl",
    .sha256 = "a7fd338731e148073b5b2d0b1574551bf6f4751f0353208ccabcbf69b7be416c",
    .metric = "acc_norm",
    .kind = TaskKind::choices,
    .item = item,
    .score = score,
    .import = import,
};
constinit const TaskEntry kArcEasy = {
    .name = "arc_easy",
    .help = "ARC-Easy, likewise",
    .source = "AI2 ARC, ARC-Easy-Test.jsonl (CC BY-SA 4.0)",
    .file = "arc_easy.jsonl",
    .sha256 = "5dbc4a4203ccbc585a09ccdf68cade7db00ab4d45cbaadcdb0f950477d67a7d8",
    .metric = "acc_norm",
    .kind = TaskKind::choices,
    .item = item,
    .score = score,
    .import = import,
};

}  // namespace rouse
