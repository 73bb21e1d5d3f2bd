/// eval/tasks/lab.cpp - the lab models' own sets (models/README.md): facts by how often training showed
/// them, the right answer against three wrong ones, and word problems with worked steps. MIT; the facts are
/// GeoNames' (CC-BY 4.0).
///
/// lab_facts: closed book, held-out phrasing, exact match of the first line. lab_contrast: the highest mean
/// log-likelihood a token. lab_arithmetic: exact match of the number after "The answer is".
#include <algorithm>

#include "base/json.h"
#include "decoding/vote.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

Item facts_item(const JsonValue& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "id");
  out.group = text_field(record, "band");
  out.prompt = text_field(record, "question");
  out.target = texts_field(record, "answers")[0];
  return out;
}

Scores facts_score(const Item& item, const Response& response) {
  const auto answers = texts_field(item.doc, "answers");
  const auto answer = first_line(response.text);
  return {{"exact_match", answer && std::find(answers.begin(), answers.end(), *answer) != answers.end()}};
}

Item contrast_item(const JsonValue& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "id");
  out.group = text_field(record, "band");
  out.prompt = text_field(record, "question");
  out.target = text_field(record, "completion");
  out.choices.push_back(not_blank(out.target, "completion"));
  for (const std::string& wrong : texts_field(record, "contradictions"))
    out.choices.push_back(not_blank(wrong, "contradictions"));
  return out;
}

Scores contrast_score(const Item&, const Response& response) {
  return {{"acc", best_of(means(response)) == 0},
          {"nll", -total(response.log_probs[0])},
          {"tokens", static_cast<double>(response.log_probs[0].size())}};
}

Item arithmetic_item(const JsonValue& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "id");
  out.prompt = text_field(record, "question");
  out.target = text_field(record, "answer");
  require(last_number(out.target).has_value(), "field answer is \"", out.target, "\", expected a number");
  return out;
}

Scores arithmetic_score(const Item& item, const Response& response) {
  const auto answer = last_number(response.text);
  return {{"exact_match", answer && answer == last_number(item.target)}};
}

}  // namespace

constinit const TaskEntry kLabFacts = {
    .name = "lab_facts",
    .help = "the default model's facts by training frequency, closed book",
    .source = "rouse, models/lab2",
    .file = "lab_facts.jsonl",
    .sha256 = "",
    .metric = "exact_match",
    .kind = TaskKind::text,
    .item = facts_item,
    .score = facts_score,
    .stop = {"\n"},
    .n_predict = 48,
    .vote = first_line,
};
constinit const TaskEntry kLabContrast = {
    .name = "lab_contrast",
    .help = "the right answer against three wrong ones, by training frequency; perplexity of the right one",
    .source = "rouse, models/lab2",
    .file = "lab_contrast.jsonl",
    .sha256 = "",
    .metric = "acc",
    .kind = TaskKind::choices,
    .item = contrast_item,
    .score = contrast_score,
};
constinit const TaskEntry kLabArithmetic = {
    .name = "lab_arithmetic",
    .help = "the default model's word problems, exact match of the answer",
    .source = "rouse, models/lab2",
    .file = "lab_arithmetic.jsonl",
    .sha256 = "",
    .metric = "exact_match",
    .kind = TaskKind::text,
    .item = arithmetic_item,
    .score = arithmetic_score,
    .version = 2,
    .n_predict = 160,
    .vote = last_number,
};

}  // namespace rouse
