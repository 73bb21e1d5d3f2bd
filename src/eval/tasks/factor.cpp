/// eval/tasks/factor.cpp - FACTOR (arXiv:2307.06908), the true continuation of a text against three false
/// ones.
///
/// News: ODC-By; Wiki: CC BY-SA; Expert: MIT. Protocol: the official script's truncated prefix, the
/// completion with the highest mean log-likelihood a token. A prefix that ends in a space gives it to the
/// completions; one that ends in a newline is joined as it is.
#include "base/text.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

Item item(const EvalJson& record, const TaskInput&) {
  Item out;
  out.id = text_field(record, "id");
  out.prompt = text_field(record, "prefix");
  const bool space = !out.prompt.empty() && out.prompt.back() == ' ';
  if (space) out.prompt.pop_back();
  const auto add = [&](const std::string& completion) {
    out.choices.push_back(space ? " " + completion : completion);
  };
  out.target = text_field(record, "completion");
  add(not_blank(out.target, "completion"));
  for (const std::string& wrong : texts_field(record, "contradictions"))
    add(not_blank(wrong, "contradictions"));
  return out;
}

Scores score(const Item&, const Response& response) {
  return {{"acc", best_of(means(response)) == 0}};
}

/// The official script scores the column it spells turncated_prefixes.
std::vector<EvalJson> import_as(const char* name, const Source& source) {
  return source.convert(source.csv_records(), [&](const EvalJson& r, size_t index) -> EvalJson {
    EvalJson record{{"id", numbered_id(name, index)}};
    if (r.contains("doc_id")) record["doc_id"] = parse_int(text_field(r, "doc_id")).value_or(-1);
    record["prefix"] = text_field(r, "turncated_prefixes");
    record["full_prefix"] = text_field(r, "full_prefix");
    record["completion"] = text_field(r, "completion");
    for (const char* key : {"contradiction_0", "contradiction_1", "contradiction_2"})
      record["contradictions"].push_back(text_field(r, key));
    return record;
  });
}

}  // namespace

constinit const TaskEntry kFactorNews = {
    .name = "factor_news",
    .help = "FACTOR News: the true continuation has the highest mean log-likelihood a token",
    .source = "AI21Labs/factor, data/news_factor.csv (ODC-By 1.0)",
    .file = "factor_news.jsonl",
    .sha256 = "d0357647a907d0175f1c1ec23da17d5116e93d99cbe3524c75289cf5146ab1bc",
    .metric = "acc",
    .kind = TaskKind::choices,
    .item = item,
    .score = score,
    .import = [](const Source& source) { return import_as("factor_news", source); },
};
constinit const TaskEntry kFactorWiki = {
    .name = "factor_wiki",
    .help = "FACTOR Wiki, likewise",
    .source = "AI21Labs/factor, data/wiki_factor.csv (CC BY-SA)",
    .file = "factor_wiki.jsonl",
    .sha256 = "",
    .metric = "acc",
    .kind = TaskKind::choices,
    .item = item,
    .score = score,
    .import = [](const Source& source) { return import_as("factor_wiki", source); },
};
constinit const TaskEntry kFactorExpert = {
    .name = "factor_expert",
    .help = "FACTOR Expert, likewise",
    .source = "AI21Labs/factor, data/expert_factor.csv (MIT)",
    .file = "factor_expert.jsonl",
    .sha256 = "8c106da88710c009db7c64a2e3f8118c0a798ac0bf97d0383c32e62ce0e3d92d",
    .metric = "acc",
    .kind = TaskKind::choices,
    .item = item,
    .score = score,
    .import = [](const Source& source) { return import_as("factor_expert", source); },
};

}  // namespace rouse
