/// eval/tasks/mmlu.cpp - MMLU (arXiv:2009.03300), 57 subjects in four groups; MIT.
///
/// Protocol: lm-evaluation-harness's zero-shot prompt, a line that names the subject, the lettered choices,
/// "Answer:"; the likeliest letter.
#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

/// The official grouping of the subjects.
const std::map<std::string, std::vector<std::string>>& groups() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"stem",
       {"abstract_algebra", "anatomy", "astronomy", "college_biology", "college_chemistry",
        "college_computer_science", "college_mathematics", "college_physics", "computer_security",
        "conceptual_physics", "electrical_engineering", "elementary_mathematics", "high_school_biology",
        "high_school_chemistry", "high_school_computer_science", "high_school_mathematics",
        "high_school_physics", "high_school_statistics", "machine_learning"}},
      {"humanities",
       {"formal_logic", "high_school_european_history", "high_school_us_history", "high_school_world_history",
        "international_law", "jurisprudence", "logical_fallacies", "moral_disputes", "moral_scenarios",
        "philosophy", "prehistory", "professional_law", "world_religions"}},
      {"social_sciences",
       {"econometrics", "high_school_geography", "high_school_government_and_politics",
        "high_school_macroeconomics", "high_school_microeconomics", "high_school_psychology",
        "human_sexuality", "professional_psychology", "public_relations", "security_studies", "sociology",
        "us_foreign_policy"}},
      {"other",
       {"business_ethics", "clinical_knowledge", "college_medicine", "global_facts", "human_aging",
        "management", "marketing", "medical_genetics", "miscellaneous", "nutrition",
        "professional_accounting", "professional_medicine", "virology"}},
  };
  return table;
}

std::string group_of(const std::string& subject) {
  for (const auto& [group, subjects] : groups())
    if (std::find(subjects.begin(), subjects.end(), subject) != subjects.end()) return group;
  throw Error(cat("field subject is \"", subject, "\", which is none of the 57"));
}

Item item(const JsonValue& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "id");
  std::string subject = text_field(record, "subject");
  out.group = group_of(subject);
  std::replace(subject.begin(), subject.end(), '_', ' ');
  out.prompt = "The following are multiple choice questions (with answers) about " + subject + ".\n\n" +
               std::string(trim(text_field(record, "question"))) + "\n";
  const auto choices = texts_field(record, "choices");
  require(choices.size() == 4, "field choices has ", choices.size(), " entries, expected 4");
  for (size_t i = 0; i < 4; ++i) {
    out.prompt += cat("ABCD"[i], ". ", choices[i], "\n");
    out.choices.push_back(cat(" ", "ABCD"[i]));
  }
  out.prompt += "Answer:";
  out.target = out.choices[static_cast<size_t>(integer_field(record, "answer", 0, 3))];
  return out;
}

Scores score(const Item& item, const Response& response) {
  return {{"acc", best_of(totals(response)) == item.doc["answer"].get<size_t>()}};
}

/// A folder of SUBJECT_test.csv without headers: question, four choices, letter.
std::vector<EvalJson> import(const Source& source) {
  std::vector<EvalJson> out;
  for (const Source& file : source.files("_test.csv")) {
    std::string subject = file.path().substr(file.path().find_last_of('/') + 1);
    subject.resize(subject.size() - std::string("_test.csv").size());
    size_t number = 0;
    for (const auto& row : file.csv()) {
      require(row.size() == 6 && row[5].size() == 1 && row[5][0] >= 'A' && row[5][0] <= 'D', file.path(),
              ": record ", number + 1, ": expected a question, four choices and a letter");
      out.push_back({{"id", numbered_id(("mmlu_" + subject).c_str(), number++)},
                     {"question", row[0]},
                     {"choices", {row[1], row[2], row[3], row[4]}},
                     {"answer", row[5][0] - 'A'},
                     {"subject", subject}});
    }
  }
  return out;
}

}  // namespace

constinit const TaskEntry kMmlu = {
    .name = "mmlu",
    .help = "MMLU: 57 subjects, zero shot, the likeliest letter",
    .source = "hendrycks/test, the folder data/test of data.tar (MIT)",
    .file = "mmlu.jsonl",
    .sha256 = "50548793566cb384991d48c078d3088591ef19651213269da24fd91fa316ccae",
    .metric = "acc",
    .kind = TaskKind::choices,
    .item = item,
    .score = score,
    .import = import,
};

}  // namespace rouse
