#include "eval/task.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

namespace rouse {

const TaskEntry& task_entry(const std::string& name, const std::string& protocol) {
  const TaskEntry* own = nullptr;
  std::vector<std::string> names, published;
  for (const TaskEntry* entry : task_registry()) {
    if (name == entry->name) own = entry;
    names.emplace_back(entry->name);
  }
  require_usage(own, "unknown task \"", name, "\"; known: ", join(names, ", "));
  if (protocol == own->protocol) return *own;
  for (const TaskEntry* entry : protocol_registry()) {
    if (name == entry->name && protocol == entry->protocol) return *entry;
    published.push_back(cat(entry->protocol, " of ", entry->name));
  }
  throw Error(cat("task ", name, " has no protocol \"", protocol, "\"; there are ", kOwnProtocol, " of all, ",
                  join(published, ", ")),
              Exit::usage);
}

std::string numbered_id(const char* prefix, size_t number) {
  char text[64];
  std::snprintf(text, sizeof text, "%s_%04zu", prefix, number);
  return text;
}

static const EvalJson& field(const EvalJson& record, const char* key) {
  require(record.is_object() && record.contains(key), "field ", key, " is missing");
  return record[key];
}

std::string text_field(const EvalJson& record, const char* key) {
  const EvalJson& value = field(record, key);
  require(value.is_string(), "field ", key, " is ", value.type_name(), ", expected text");
  return value;
}

std::vector<std::string> texts_field(const EvalJson& record, const char* key) {
  const EvalJson& value = field(record, key);
  require(value.is_array() && !value.empty(), "field ", key, " is no list of texts");
  std::vector<std::string> out;
  for (const EvalJson& text : value) {
    require(text.is_string(), "field ", key, " holds ", text.type_name(), ", expected text");
    out.push_back(text);
  }
  return out;
}

const std::string& not_blank(const std::string& text, const char* key) {
  require(!trim(text).empty(), "field ", key, " is blank");
  return text;
}

int64_t integer_field(const EvalJson& record, const char* key, int64_t low, int64_t high) {
  const EvalJson& value = field(record, key);
  require(value.is_number_integer() && value.get<int64_t>() >= low && value.get<int64_t>() <= high, "field ",
          key, " is ", value.dump(), ", expected ", low, " to ", high);
  return value;
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

Item chain_of_thought_item(const EvalJson& record, const TaskInput& input, const QuestionForm& form) {
  Item out;
  out.id = text_field(record, "id");
  out.target = text_field(record, "answer");
  for (int i = 0; i < input.n_shot; ++i) {
    const EvalJson& e = input.shots["examples"][static_cast<size_t>(i)];
    std::string closing = text_field(input.shots, "answer_sentence");
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

std::string find_task(const TaskEntry& task, std::span<const std::string> folders) {
  for (const std::string& folder : folders)
    if (!folder.empty() && std::filesystem::exists(std::filesystem::path(folder) / task.file)) return folder;
  return "";
}

static EvalJson read_shots(const TaskEntry& task, const TaskInput& input) {
  const std::string path = input.folder + "/" + task.shots;
  std::ifstream in(path, std::ios::binary);
  require_usage(in.good(), task.name, ": ", path,
                " is not there (its few-shot examples); see `rouse data list`");
  EvalJson shots = EvalJson::parse(in, nullptr, false);
  require_usage(shots.is_object() && shots.contains("examples") && shots["examples"].is_array(), path,
                ": is no object with a list `examples`");
  require_usage(input.n_shot <= static_cast<int>(shots["examples"].size()), task.name, ": --shots ",
                input.n_shot, ", ", path, " has ", shots["examples"].size());
  return shots;
}

LoadedTask load_task(const TaskEntry& task, TaskInput input, int n_limit, uint64_t seed) {
  if (input.n_shot < 0) input.n_shot = task.n_shot;
  require_usage(*task.shots || input.n_shot == 0, task.name, ": has no few-shot examples, but --shots is ",
                input.n_shot);
  if (input.n_shot > 0) input.shots = read_shots(task, input);
  const std::string path = input.folder + "/" + task.file;
  LoadedTask out;
  if (task.items) {
    out.items = task.items(path, input);
  } else {
    std::ifstream in(path, std::ios::binary);
    require_usage(in.good(), task.name, ": ", path, " is not there; see `rouse data list`");
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      if (trim(line).empty()) continue;
      try {
        const EvalJson record = EvalJson::parse(line);
        out.items.push_back(task.item(record, input));
        out.items.back().doc = record;
      } catch (const EvalJson::parse_error&) {
        out.errors.push_back(cat(path, ":", number, ": is broken JSON"));
      } catch (const std::exception& e) {
        out.errors.push_back(cat(path, ":", number, ": ", e.what()));
      }
    }
  }
  if (n_limit > 0 && static_cast<size_t>(n_limit) < out.items.size()) {
    if (task.kind == TaskKind::tokens) {  // running text: its beginning
      out.items.resize(static_cast<size_t>(n_limit));
      return out;
    }
    std::vector<Item> some;
    for (const size_t i : draw_subset(out.items.size(), static_cast<size_t>(n_limit), Random(seed)))
      some.push_back(std::move(out.items[i]));
    out.items = std::move(some);
  }
  return out;
}

std::vector<Item> part_of(const TaskEntry& task, std::span<const Item> items, double dev_share, uint64_t seed,
                          bool development) {
  const auto n = static_cast<size_t>(dev_share * static_cast<double>(items.size()) + 0.5);
  require_usage(n > 0 && n < items.size(), task.name, ": ", items.size(),
                " items cannot be split by --dev-share ", dev_share);
  std::vector<bool> chosen(items.size());
  for (const size_t i : draw_subset(items.size(), n, Random(seed))) chosen[i] = true;
  std::vector<Item> out;
  for (size_t i = 0; i < items.size(); ++i)
    if (chosen[i] == development) out.push_back(items[i]);
  return out;
}

}  // namespace rouse
