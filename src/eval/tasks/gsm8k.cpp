/// eval/tasks/gsm8k.cpp - GSM8K (arXiv:2110.14168), grade-school word problems; MIT.
///
/// Protocol: the 8 chain-of-thought examples of Wei et al. (arXiv:2201.11903) as SCMoE uses them; greedy
/// until a blank line; exact match of the last number after "The answer is", else the last number. Departure:
/// 512 tokens at most and the end token is allowed (the SCMoE code forbids it:
/// --ignore-eos).
#include "base/json.h"
#include "base/text.h"
#include "decoding/vote.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

Scores score(const Item& item, const Response& response) {
  return {{"exact_match", last_number(response.text) == last_number(item.target)}};
}

/// {"question", "answer": "worked steps\n#### 1,234"}
std::vector<EvalJson> import(const Source& source) {
  return source.convert(source.records(), [](const JsonValue& r, size_t index) -> EvalJson {
    const std::string answer = text_field(r, "answer");
    const size_t at = answer.rfind("####");
    require(at != std::string::npos, "its answer has no \"####\"");
    std::string number(trim(std::string_view(answer).substr(at + 4)));
    std::erase(number, ',');
    return {{"id", numbered_id("gsm8k_test", index)},
            {"question", text_field(r, "question")},
            {"answer", number},
            {"rationale", trim(std::string_view(answer).substr(0, at))}};
  });
}

}  // namespace

constinit const TaskEntry kGsm8k = {
    .name = "gsm8k",
    .help = "grade-school word problems, 8-shot chain of thought, exact match of the number",
    .source = "openai/grade-school-math, grade_school_math/data/test.jsonl (MIT)",
    .file = "gsm8k_test.jsonl",
    .sha256 = "913f23db84d235d3a50a30390092ac5958e48d337037be63128f38e43c304179",
    .metric = "exact_match",
    .kind = TaskKind::text,
    .item = chain_of_thought_item,
    .score = score,
    .shots = "fewshot/gsm8k.json",
    .n_shot = 8,
    .stop = {"\n\n"},
    .vote = "number",
    .import = import,
};

}  // namespace rouse
