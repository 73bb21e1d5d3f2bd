#include "eval/task.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <sstream>
#include <unordered_map>

#include "base/json.h"
#include "base/known.h"
#include "base/lines.h"
#include "base/random.h"
#include "base/text.h"
#include "eval/fewshot.h"
#include "eval/source.h"
#include "eval/task_file.h"
#include "gguf/hash.h"

namespace rouse {

const TaskEntry& task_entry(const std::string& name, const std::string& protocol) {
  const TaskEntry* own = nullptr;
  std::vector<std::string> names, published;
  for (const TaskEntry* entry : task_registry()) {
    if (name == entry->name) own = entry;
    names.emplace_back(entry->name);
  }
  if (!own) throw Error(cat("unknown task \"", name, "\"", known_names(name, names)), ErrorKind::usage);
  if (protocol == own->protocol) return *own;
  for (const TaskEntry* entry : protocol_registry()) {
    if (name == entry->name && protocol == entry->protocol) return *entry;
    published.push_back(cat(entry->protocol, " of ", entry->name));
  }
  throw Error(cat("task ", name, " has no protocol \"", protocol, "\"; there are ", kOwnProtocol, " of all, ",
                  join(published, ", ")),
              ErrorKind::usage);
}

std::vector<std::string> named_tasks(std::span<const std::string> names) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  };
  for (const std::string& name : names) {
    if (name != "all" && name.find_first_of("*?[") == std::string::npos) {
      add(name);
      continue;
    }
    const std::string pattern = name == "all" ? "*" : name;
    bool any = false;
    for (const TaskEntry* entry : task_registry())
      if (fnmatch(pattern.c_str(), entry->name, 0) == 0) any = true, add(entry->name);
    require_usage(any, "no task fits ", name, "; `rouse eval --tasks list` prints them");
  }
  return out;
}

std::string numbered_id(const char* prefix, size_t number) {
  char text[64];
  std::snprintf(text, sizeof text, "%s_%04zu", prefix, number);
  return text;
}

static constexpr size_t kMostText = LineReader::kMostBytes, kMostTexts = 1 << 16;

std::string text_field(const JsonValue& record, const char* key) {
  return record.at(key).text(kMostText);
}
std::vector<std::string> texts_field(const JsonValue& record, const char* key) {
  return record.at(key).texts(1, kMostTexts);
}
int64_t integer_field(const JsonValue& record, const char* key, int64_t low, int64_t high) {
  return record.at(key).integer(low, high);
}
std::string text_field(const EvalJson& record, const char* key) {
  return text_field(JsonValue(record, ""), key);
}
std::vector<std::string> texts_field(const EvalJson& record, const char* key) {
  return texts_field(JsonValue(record, ""), key);
}

JsonValue shot(const TaskInput& input, int i) {
  return JsonValue(input.shots, input.shots_path).at("examples")[static_cast<size_t>(i)];
}

const std::string& not_blank(const std::string& text, const char* key) {
  require(!trim(text).empty(), "field ", key, " is blank");
  return text;
}

double total(const std::vector<double>& log_probs) {
  return std::accumulate(log_probs.begin(), log_probs.end(), 0.0);
}

std::vector<double> totals(const Response& response) {
  std::vector<double> out;
  for (const auto& p : response.log_probs) out.push_back(total(p));
  return out;
}

std::vector<double> means(const Response& response) {
  std::vector<double> out;
  for (const auto& p : response.log_probs)
    out.push_back(total(p) / static_cast<double>(std::max<size_t>(1, p.size())));
  return out;
}

Item chain_of_thought_item(const JsonValue& record, const TaskInput& input, const QuestionForm& form) {
  Item out;
  out.id = text_field(record, "id");
  out.target = text_field(record, "answer");
  for (int i = 0; i < input.n_shot; ++i) {
    const JsonValue e = shot(input, i);
    std::string closing = text_field(JsonValue(input.shots, input.shots_path), "answer_sentence");
    const size_t at = closing.find("{answer}");
    require(at != std::string::npos, "field answer_sentence of the few-shot file has no {answer}");
    closing.replace(at, 8, text_field(e, "answer"));
    out.prompt += cat(form.question, text_field(e, "question"), "\n", form.answer, " ",
                      text_field(e, "rationale"), " ", closing, "\n\n");
  }
  out.prompt += cat(form.question, text_field(record, "question"), "\n", form.answer);
  return out;
}

size_t best_of(std::span<const double> values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

double share_of_right(std::span<const double> sums, const std::function<bool(size_t)>& is_right) {
  const double most = sums[best_of(sums)];
  double right = 0, all = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    const double mass = std::exp(sums[i] - most);
    all += mass;
    if (is_right(i)) right += mass;
  }
  return right / all;
}

std::string find_task(const TaskEntry& task, std::span<const std::string> folders) {
  for (const std::string& folder : folders)
    if (!folder.empty() && !task_path(task, folder).empty()) return folder;
  return "";
}

std::string task_path(const TaskEntry& task, const std::string& folder) {
  const std::string plain = (std::filesystem::path(folder) / task.file).string();
  for (const std::string& path : {plain, plain + ".gz"})
    if (std::filesystem::exists(path)) return path;
  return "";
}

/// What the run's record says of them.
static EvalJson read_shots(const TaskEntry& task, TaskInput& input) {
  const FewshotFile file = find_fewshot(task, input.folder);
  input.shots_path = file.path;
  input.shots = read_json(file.path);
  const size_t n = JsonValue(input.shots, file.path).at("examples").list(0, 1 << 16).size();
  require_usage(static_cast<size_t>(input.n_shot) <= n, task.name, ": ", input.n_shot, " shots are wanted, ",
                file.path, " has ", n);
  return {{"file", file.path}, {"sha256", sha256_of_file(file.path)}, {"own", file.own}};
}

/// Records a line each; one that cannot be read is an error of its own, but two of one name have no meaning.
static void read_records(const TaskEntry& task, const TaskInput& input, const std::string& path,
                         LoadedTask& out) {
  std::unordered_map<std::string, int64_t> lines;
  LineReader in =
      path.ends_with(".gz")
          ? LineReader(path, std::make_unique<std::istringstream>(Source(path).text()), ErrorKind::usage)
          : LineReader(path, task.name);
  while (in.next()) {
    if (in.blank()) continue;
    Item item;
    try {
      EvalJson record = parse_json(in.line(), "");
      item = task.item(JsonValue(record, ""), input);
      item.doc = std::move(record);
    } catch (const Error& e) {
      out.errors.push_back(cat(in.where(), ": ", e.what()));
      continue;
    }
    const auto [first, fresh] = lines.emplace(item.id, in.number());
    require_usage(fresh, in.where(), ": id ", item.id, " occurs twice, first in line ", first->second);
    out.items.push_back(std::move(item));
  }
}

LoadedTask load_task(const TaskEntry& task, TaskInput input, double limit, uint64_t seed) {
  if (input.n_shot < 0) input.n_shot = task.n_shot;
  require_usage(*task.shots || input.n_shot == 0, task.name, ": has no few-shot examples, ", input.n_shot,
                " are wanted");
  LoadedTask out;
  if (task.from) {
    out = task.from->load(input.n_shot);
  } else {
    if (input.n_shot > 0) out.fewshot = read_shots(task, input);
    const std::string path = task_path(task, input.folder);
    require_usage(!path.empty(), task.name, ": ", input.folder, "/", task.file,
                  " is not there; see `rouse data list`");
    if (task.items)
      out.items = task.items(path, input);
    else
      read_records(task, input, path, out);
  }
  const auto n_limit =
      static_cast<size_t>(std::ceil(limit < 1 ? limit * static_cast<double>(out.items.size()) : limit));
  if (n_limit > 0 && n_limit < out.items.size()) {
    if (task.kind == TaskKind::tokens) {  // running text: its beginning
      out.items.resize(n_limit);
      return out;
    }
    std::vector<Item> some;
    for (const size_t i : draw_subset(out.items.size(), n_limit, Random(seed)))
      some.push_back(std::move(out.items[i]));
    out.items = std::move(some);
  }
  return out;
}

std::vector<Item> part_of(const TaskEntry& task, std::span<const Item> items, double dev_share, uint64_t seed,
                          bool development) {
  const auto n = static_cast<size_t>(dev_share * static_cast<double>(items.size()) + 0.5);
  require_usage(n > 0 && n < items.size(), task.name, ": ", items.size(),
                " items cannot be split by a development share of ", dev_share);
  std::vector<bool> chosen(items.size());
  for (const size_t i : draw_subset(items.size(), n, Random(seed))) chosen[i] = true;
  std::vector<Item> out;
  for (size_t i = 0; i < items.size(); ++i)
    if (chosen[i] == development) out.push_back(items[i]);
  return out;
}

}  // namespace rouse
