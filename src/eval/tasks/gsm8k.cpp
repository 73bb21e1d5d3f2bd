/// eval/tasks/gsm8k.cpp - GSM8K (arXiv:2110.14168), grade-school word problems; MIT.
///
/// Protocol: the 8 chain-of-thought examples of Wei et al. (arXiv:2201.11903) as SCMoE uses them; greedy
/// until a blank line or the model's next question; exact match of the last number after "The answer is",
/// else the last number. Departure: 512 tokens at most and the end token is allowed (the SCMoE code forbids
/// it:
/// --ignore-eos). Published scorings of the same examples: scmoe, and harness (its task gsm8k_cot).
#include <algorithm>
#include <filesystem>

#include "base/json.h"
#include "base/text.h"
#include "decoding/vote.h"
#include "eval/fewshot.h"
#include "eval/published.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

Item checked(Item item) {
  require(last_number(item.target).has_value(), "field answer is \"", item.target, "\", expected a number");
  return item;
}

Item item(const JsonValue& record, const TaskInput& input) {
  return checked(chain_of_thought_item(record, input));
}

Scores score(const Item& item, const Response& response) {
  const auto answer = last_number(response.text);
  return {{"exact_match", answer && answer == last_number(item.target)}};
}

Scores scmoe_score(const Item& item, const Response& response) {
  const auto answer = scmoe_number(response.text), target = last_number(item.target);
  return {{"exact_match", answer && target && scmoe_equal(*parse_double(*answer), *parse_double(*target))}};
}

Item harness_item(const JsonValue& record, const TaskInput& input) {
  return checked(chain_of_thought_item(record, input, {"Q: ", "A:"}));
}

Scores harness_score(const Item& item, const Response& response) {
  const std::string target = harness_plain(item.target);
  return {
      {"exact_match", harness_plain(harness_strict(response.text).value_or("[invalid]")) == target},
      {"flexible_extract", harness_plain(harness_flexible(response.text).value_or("[invalid]")) == target}};
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

/// "She has 2+2=<<2+2=4>>4 eggs." without the calculator's marks, in one line.
std::string rationale_of(const std::string& worked) {
  std::string out;
  for (size_t at = 0; at < worked.size();) {
    const size_t mark = std::min(worked.find("<<", at), worked.size());
    out += worked.substr(at, mark - at);
    const size_t end = worked.find(">>", mark);
    at = end == std::string::npos ? worked.size() : end + 2;
  }
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

/// A prompt as text; else, where train.jsonl lies beside, its first eight. (The published examples are not
/// from there.)
EvalJson import_shots(const Source& source) {
  constexpr const char* kSentence = "The answer is {answer}.";
  constexpr size_t kShots = 8;
  if (is_prompt_text(source.path())) return worked_examples(source, kSentence);
  const auto train = std::filesystem::path(source.path()).parent_path() / "train.jsonl";
  if (!std::filesystem::exists(train)) return nullptr;
  EvalJson examples = EvalJson::array();
  for (const EvalJson& r : import(Source(train.string()))) {
    if (examples.size() == kShots) break;
    examples.push_back(
        {{"question", r["question"]}, {"rationale", rationale_of(r["rationale"])}, {"answer", r["answer"]}});
  }
  return {{"source", "openai/grade-school-math, the first records of train.jsonl"},
          {"answer_sentence", kSentence},
          {"examples", examples}};
}

}  // namespace

static constexpr TaskEntry kEntry = {
    .name = "gsm8k",
    .help = "grade-school word problems, 8-shot chain of thought, exact match of the number",
    .source = "openai/grade-school-math, grade_school_math/data/test.jsonl (MIT)",
    .file = "gsm8k_test.jsonl",
    .sha256 = "913f23db84d235d3a50a30390092ac5958e48d337037be63128f38e43c304179",
    .metric = "exact_match",
    .kind = TaskKind::text,
    .item = item,
    .score = score,
    .version = 2,
    .shots = "fewshot/gsm8k.json",
    .n_shot = 8,
    .stop = {"\n\n", "\nQuestion:"},
    .vote = last_number,
    .import = import,
    .import_shots = import_shots,
};
constinit const TaskEntry kGsm8k = kEntry;

constinit const TaskEntry kGsm8kScmoe = [] {
  TaskEntry t = kEntry;
  t.protocol = "scmoe", t.version = 1;
  t.help = "until a blank line; within 1e-4 of the number, of 100 times it or of a hundredth of it";
  t.stop[1] = nullptr;
  t.score = scmoe_score, t.vote = scmoe_number;
  return t;
}();

constinit const TaskEntry kGsm8kHarness = [] {
  TaskEntry t = kEntry;
  t.protocol = "harness", t.version = 1;
  t.help = "lm-evaluation-harness's gsm8k_cot: \"Q:\" and \"A:\", 256 tokens, strict and flexible extraction";
  t.stop[0] = "Q:", t.stop[1] = "</s>", t.stop[2] = "<|im_end|>", t.n_predict = 256;
  t.item = harness_item, t.score = harness_score, t.vote = harness_strict;
  return t;
}();

}  // namespace rouse
