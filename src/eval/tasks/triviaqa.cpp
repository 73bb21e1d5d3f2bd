/// eval/tasks/triviaqa.cpp - TriviaQA (arXiv:1705.03551), closed book; Apache 2.0.
///
/// Protocol: zero shot, "Question: ...\nAnswer:", the first line; exact match with any alias after
/// lower-casing and without punctuation and articles (the official normalisation).
#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/json.h"
#include "decoding/vote.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

std::string normalised(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    plain += std::ispunct(u) ? ' ' : static_cast<char>(std::tolower(u));
  }
  std::istringstream words(plain);
  std::string out, word;
  while (words >> word)
    if (word != "a" && word != "an" && word != "the") out += (out.empty() ? "" : " ") + word;
  return out;
}

Item item(const JsonValue& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "id");
  out.prompt = "Question: " + text_field(record, "question") + "\nAnswer:";
  out.target = texts_field(record, "answers")[0];
  return out;
}

Scores score(const Item& item, const Response& response) {
  const std::string answer = normalised(first_line(response.text).value_or(""));
  const auto answers = texts_field(item.doc, "answers");
  return {{"exact_match", !answer.empty() && std::any_of(answers.begin(), answers.end(), [&](const auto& a) {
             return normalised(a) == answer;
           })}};
}

/// {"Data": [{"QuestionId", "Question", "Answer": {"Aliases": [...], ...}}]}
std::vector<EvalJson> import(const Source& source) {
  const EvalJson all = source.json();
  return source.convert(JsonValue(all, source.path()).at("Data").json(),
                        [](const JsonValue& r, size_t) -> EvalJson {
                          const std::string id = text_field(r, "QuestionId");
                          return {{"id", "triviaqa_" + id},
                                  {"question", text_field(r, "Question")},
                                  {"answers", texts_field(r.at("Answer"), "Aliases")}};
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
    .stop = {"\n"},
    .n_predict = 64,
    .vote = "line",
    .import = import,
};

}  // namespace rouse
