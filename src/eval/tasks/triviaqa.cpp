/// eval/tasks/triviaqa.cpp - TriviaQA (arXiv:1705.03551), closed book; Apache 2.0.
///
/// Protocol: zero shot, "Question: ...\nAnswer:", the first line; exact match with any alias after the
/// official script's normalisation (mandarjoshi90/triviaqa, evaluation/triviaqa_evaluation.py, commit
/// ca43b58). Departure: no answer at all is never right; there, it is where an alias is an article or
/// punctuation alone.
#include <algorithm>

#include "base/error.h"
#include "base/unicode.h"
#include "decoding/vote.h"
#include "eval/published.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

/// The first line, nothing where it is blank.
std::optional<std::string> answer_of(const std::string& text) {
  const auto line = first_line(text);
  return line && !strip(code_points(*line)).empty() ? std::optional(triviaqa_normalised(*line))
                                                    : std::nullopt;
}

Item item(const EvalJson& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "id");
  out.prompt = "Question: " + text_field(record, "question") + "\nAnswer:";
  out.target = texts_field(record, "answers")[0];
  return out;
}

Scores score(const Item& item, const Response& response) {
  const auto answer = answer_of(response.text);
  const auto answers = texts_field(item.doc, "answers");
  return {{"exact_match", answer && std::any_of(answers.begin(), answers.end(), [&](const std::string& a) {
                            return triviaqa_normalised(a) == *answer;
                          })}};
}

/// {"Data": [{"QuestionId", "Question", "Answer": {"Aliases": [...], ...}}]}
std::vector<EvalJson> import(const Source& source) {
  const EvalJson all = source.json();
  require(all.is_object() && all.contains("Data"), source.path(), ": has no \"Data\"");
  return source.convert(all["Data"], [](const EvalJson& r, size_t) -> EvalJson {
    const std::string id = text_field(r, "QuestionId");
    require(r.contains("Answer"), "field Answer is missing");
    return {{"id", "triviaqa_" + id},
            {"question", text_field(r, "Question")},
            {"answers", texts_field(r["Answer"], "Aliases")}};
  });
}

}  // namespace

constinit const TaskEntry kTriviaqa = {
    .name = "triviaqa",
    .help = "trivia questions, closed book, exact match with any alias",
    .source = "mandarjoshi90/triviaqa, unfiltered-web-dev.json (Apache 2.0)",
    .file = "triviaqa.jsonl",
    .sha256 = "e8d157f36041dabeda6ec6f482815885d41a321a1baf6753228020e84676fedd",
    .metric = "exact_match",
    .kind = TaskKind::text,
    .item = item,
    .score = score,
    .version = 2,
    .stop = {"\n"},
    .n_predict = 64,
    .vote = answer_of,
    .import = import,
};

}  // namespace rouse
