#include <algorithm>
#include <filesystem>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "eval/code.h"
#include "eval/task_file.h"
#include "gguf/hash.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostText = size_t{64} << 10, kMostName = 48, kMostMetrics = 16;
constexpr int kMostShots = 64, kDefaultTokens = 256;  // lm-evaluation-harness's

/// Keys of lm-evaluation-harness that would change what is asked or scored, and what rouse has instead.
struct Unsupported {
  const char *key, *instead;
};
constexpr Unsupported kUnsupported[] = {
    {"process_docs", "change the records"},      {"process_results", "name metrics in metric_list"},
    {"filter_list", "name an extractor"},        {"gen_prefix", "end doc_to_text with it"},
    {"include", "write all keys into one file"}, {"dataset_name", "name files in dataset_kwargs.data_files"},
    {"use_prompt", "write doc_to_text"},
};

/// An entry of a table by its name, or an Error that lists the names.
template <class Entry>
const Entry& named(std::span<const Entry> table, const JsonValue& value) {
  const std::string& name = value.text(kMostText);
  std::vector<std::string> names;
  for (const Entry& entry : table) {
    if (name == entry.name) return entry;
    names.emplace_back(entry.name);
  }
  throw Error(cat(value.place(), "unknown name ", json_text(name), "; known: ", join(names, ", ")),
              ErrorKind::usage);
}

Scores file_score(const Item& item, const Response& response) {
  return item.from->score(item, response);
}
std::string file_program(const Item& item, const std::string& text) {
  return item.from->program(item, text);
}

}  // namespace

TaskFile::TaskFile(const std::string& path) : path_(path), config_(read_json(path)) {
  const JsonValue root(config_, path);
  for (const Unsupported& u : kUnsupported)
    require_usage(!root.find(u.key), path, ": ", u.key, " is of lm-evaluation-harness alone; ", u.instead);
  root.only({"task",
             "task_alias",
             "tag",
             "dataset_path",
             "dataset_kwargs",
             "training_split",
             "validation_split",
             "test_split",
             "fewshot_split",
             "output_type",
             "description",
             "doc_to_text",
             "doc_to_choice",
             "doc_to_target",
             "doc_to_group",
             "target_delimiter",
             "fewshot_delimiter",
             "fewshot_config",
             "num_fewshot",
             "generation_kwargs",
             "metric_list",
             "extractor",
             "repeats",
             "should_decontaminate",
             "doc_to_decontamination_query",
             "metadata"});
  sha256_ = sha256_of_text(config_.dump());
  name_ = root.at("task").text(kMostName);
  const bool plain = std::all_of(name_.begin(), name_.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  });
  if (name_.empty() || !plain || name_ == "all" || name_ == "list")
    root.at("task").refuse("a name of letters, digits, \"_\", \"-\" and \".\"");
  for (const TaskEntry* entry : task_registry())
    require_usage(name_ != entry->name, path, ": task is \"", name_,
                  "\", which is a benchmark of rouse; take another name");
  const std::string& type = root.at("output_type").text(kMostText);
  text_ = type == "generate_until";
  if (!text_ && type != "multiple_choice") root.at("output_type").refuse("multiple_choice or generate_until");
  read_data(root);
  read_form(root, form_, path);
  require_usage(text_ == form_.choices.empty(), path, ": doc_to_choice is ",
                text_ ? "given, but generate_until has no choices" : "missing");
  if (const auto d = root.find("fewshot_delimiter")) fewshot_delimiter_ = d->text(kMostText);
  if (const auto d = root.find("description"))
    description_.emplace_back(d->text(kMostText), path + ": description");
  if (const auto g = root.find("doc_to_group"))
    group_.emplace_back(g->text(kMostText), path + ": doc_to_group");
  read_fewshot(root);
  if (const auto r = root.find("repeats")) r->integer(1, 1);
  read_generation(root);
  read_metrics(root);
  if (const auto m = root.find("metadata"))
    if (const auto v = m->find("version")) entry_.version = static_cast<int>(v->real(0, 1e6));
  help_ = cat(type, ", ", metric_, ", of ", path);
  entry_.name = name_.c_str(), entry_.help = help_.c_str(), entry_.source = path_.c_str();
  entry_.file = data_.c_str(), entry_.sha256 = "", entry_.metric = metric_.c_str();
  entry_.kind = text_ ? TaskKind::text : TaskKind::choices;
  entry_.shots = shots_data_.c_str();
  entry_.from = this;
  if (pass_)
    entry_.program = file_program;
  else
    entry_.score = file_score;
}

/// {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": FILE}}, "test_split": "test"}
void TaskFile::read_data(const JsonValue& root) {
  if (const auto p = root.find("dataset_path"); p && p->text(kMostText) != "json")
    p->refuse("json: rouse reads local files, named in dataset_kwargs.data_files");
  const JsonValue kwargs = root.at("dataset_kwargs"), files = kwargs.at("data_files");
  kwargs.only({"data_files"});
  const auto file_of = [&](const JsonValue& split) {
    const std::string& name = split.text(kMostText);
    const auto found = files.find(name);
    if (!found) split.refuse("a split of dataset_kwargs.data_files");
    return (fs::path(path_).parent_path() / found->text(kMostText)).string();
  };
  for (const auto& [name, file] : files.fields()) (void)file.text(kMostText);
  const auto test = root.find("test_split"), validation = root.find("validation_split");
  data_ = file_of(test ? *test : validation ? *validation : root.at("test_split"));
  if (const auto f = root.find("fewshot_split")) shots_data_ = file_of(*f);
  if (const auto config = root.find("fewshot_config"))
    if (const auto f = config->find("split")) shots_data_ = file_of(*f);
}

/// What the object has of a form; the rest stays.
void TaskFile::read_form(const JsonValue& root, TaskForm& form, const std::string& where) const {
  const auto place = [&](const char* key) { return cat(where, ": ", key); };
  const auto set = [&](const char* key, std::vector<TaskTemplate>& out) {
    const auto value = root.find(key);
    if (!value && !out.empty()) return;
    const JsonValue given = value ? *value : root.at(key);
    const bool number = given.json().is_number_integer() && std::string(key) == "doc_to_target";
    out = {{number ? given.json().dump() : given.text(kMostText), place(key)}};
  };
  set("doc_to_text", form.text);
  set("doc_to_target", form.target);
  if (const auto d = root.find("target_delimiter")) form.target_delimiter = d->text(kMostText);
  const auto choices = root.find("doc_to_choice");
  if (!choices) return;
  form.choices.clear();
  form.listed = choices->json().is_array();
  if (form.listed)
    for (const std::string& text : choices->texts(1, kMostTaskChoices))
      form.choices.emplace_back(text, place("doc_to_choice"));
  else
    form.choices.emplace_back(choices->text(kMostText), place("doc_to_choice"));
}

void TaskFile::read_fewshot(const JsonValue& root) {
  shot_form_ = form_;
  if (const auto config = root.find("fewshot_config")) {
    config->only({"sampler", "split", "samples", "doc_to_text", "doc_to_choice", "doc_to_target",
                  "target_delimiter", "fewshot_delimiter"});
    if (const auto s = config->find("sampler"); s && s->text(kMostText) != "first_n")
      s->refuse("first_n: examples are the first ones, in order");
    if (const auto d = config->find("fewshot_delimiter")) fewshot_delimiter_ = d->text(kMostText);
    read_form(*config, shot_form_, path_ + ": fewshot_config");
    if (const auto samples = config->find("samples")) {
      require_usage(shots_data_.empty(), samples->place(),
                    "examples are given, and fewshot_split names others");
      for (const JsonValue& sample : samples->list(1, kMostShots)) (void)sample.fields();
      samples_ = samples->json();
      shots_data_ = path_;
    }
  }
  if (const auto n = root.find("num_fewshot")) entry_.n_shot = static_cast<int>(n->integer(0, kMostShots));
  require_usage(entry_.n_shot == 0 || !shots_data_.empty(), path_, ": num_fewshot is ", entry_.n_shot,
                ", but there are no examples: give fewshot_split or fewshot_config.samples");
}

void TaskFile::read_generation(const JsonValue& root) {
  const auto kwargs = root.find("generation_kwargs"), extractor = root.find("extractor");
  require_usage(text_ || (!kwargs && !extractor), path_, ": ", kwargs ? "generation_kwargs" : "extractor",
                " is given, but multiple_choice generates no text");
  if (!text_) return;
  stops_ = {fewshot_delimiter_};
  entry_.n_predict = kDefaultTokens;
  if (kwargs) {
    kwargs->only({"until", "max_gen_toks", "do_sample", "temperature"});
    if (const auto until = kwargs->find("until"))
      stops_ = until->json().is_array() ? until->texts(0, kMostStops)
                                        : std::vector<std::string>{until->text(kMostText)};
    if (const auto n = kwargs->find("max_gen_toks"))
      entry_.n_predict = static_cast<int>(n->integer(1, 1 << 20));
    if (const auto s = kwargs->find("do_sample"); s && s->boolean()) s->refuse("false; --temp samples");
    if (const auto t = kwargs->find("temperature"); t && t->real(0, 1e6) > 0) t->refuse("0; --temp samples");
  }
  for (size_t i = 0; i < stops_.size(); ++i) {
    require_usage(!stops_[i].empty(), path_, ": generation_kwargs.until holds an empty text");
    entry_.stop[i] = stops_[i].c_str();
  }
  extractor_ = extractor ? &named(task_extractors(), *extractor) : &task_extractors()[0];
}

void TaskFile::read_metrics(const JsonValue& root) {
  Json fallback = Json::array();
  const std::vector<std::string> names =
      text_ ? std::vector<std::string>{"exact_match"} : std::vector<std::string>{"acc", "acc_norm"};
  for (const std::string& name : names) fallback.push_back({{"metric", name}});
  std::set<std::string> seen;
  const auto given = root.find("metric_list");
  const JsonValue list = given ? *given : JsonValue(fallback, path_);
  for (const JsonValue& m : list.list(1, kMostMetrics)) {
    m.only({"metric", "aggregation", "higher_is_better", "ignore_case", "ignore_punctuation"});
    const JsonValue name = m.at("metric");
    MatchOptions match;
    if (const auto a = m.find("aggregation"); a && a->text(kMostText) != "mean") a->refuse("mean");
    if (const auto h = m.find("higher_is_better"); h && !h->boolean()) h->refuse("true");
    if (const auto i = m.find("ignore_case")) match.ignore_case = i->boolean();
    if (const auto i = m.find("ignore_punctuation")) match.ignore_punctuation = i->boolean();
    require_usage(seen.insert(name.text(kMostText)).second, name.place(), json_text(name.json()),
                  " is there twice");
    if (metric_.empty()) metric_ = name.text(kMostText);
    if (text_ && name.text(kMostText) == "pass@1")
      pass_ = true;
    else if (text_)
      text_metrics_.emplace_back(&named(text_metrics(), name), match);
    else
      choice_metrics_.push_back(&named(choice_metrics(), name));
  }
  if (!text_) return;
  const bool code = std::string(extractor_->name) == "code";
  require_usage(!pass_ || text_metrics_.empty(), path_, ": metric pass@1 runs programs and stands alone");
  require_usage(!pass_ || code, path_, ": metric pass@1 needs extractor \"code\"");
  require_usage(pass_ || !code, path_, ": extractor \"code\" needs metric pass@1");
  if (pass_) entry_.end = fence_end;
  if (!pass_) entry_.vote = extractor_->extract;
}

}  // namespace rouse
