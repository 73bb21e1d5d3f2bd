#include "eval/data.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/output_file.h"
#include "eval/fewshot.h"
#include "eval/source.h"
#include "gguf/hash.h"
#include "session/session.h"

namespace rouse {

namespace fs = std::filesystem;

std::string own_sets(const std::string& model) {
  const fs::path path(model);
  for (const auto& [file, sets] : {std::pair{"rouse-lab-2.gguf", "lab2"}, {"rouse-lab.gguf", "lab"}})
    if (path.filename() == file) return (path.parent_path() / sets).string();
  return "";
}

std::vector<std::string> data_folders(const std::string& given, const std::string& model) {
  std::vector<std::string> out;
  if (!given.empty()) out.push_back(given);
  for (const std::string& path : {model, default_model()})
    if (const std::string sets = own_sets(path); !sets.empty()) out.push_back(sets);
  return out;
}

bool comes_with_rouse(const TaskEntry& task) {
  return std::string(task.source).rfind("rouse,", 0) == 0;
}

Json data_state(const TaskEntry& task, const std::string& folder) {
  Json out{{"task", task.name}, {"file", task.file}, {"source", task.source}, {"state", "missing"}};
  if (const std::string at = find_task(task, data_folders(folder)); !at.empty()) {
    const std::string path = task_path(task, at);
    const std::string text = Source(path).text(), sha256 = sha256_of_text(text);
    out["records"] = std::count(text.begin(), text.end(), '\n');
    out["sha256"] = sha256;
    out["path"] = path;
    out["state"] = *task.sha256 && sha256 == task.sha256 ? "the copy that rouse is tested with" : "there";
  }
  if (*task.shots && !fs::exists(fs::path(folder) / task.shots))
    out["shots"] = cat(task.shots, " is missing; rouse's own examples stand in");
  return out;
}

/// Records as lines, each checked as the task will read it.
static std::string lines_of(const TaskEntry& task, const Source& source) {
  if (!task.import) return source.text();
  TaskInput input;
  input.n_shot = 0;
  const std::vector<Json> records = task.import(source);
  require_usage(!records.empty(), source.path(), ": holds no record of ", task.name);
  std::string out;
  std::set<std::string> ids;
  for (const Json& record : records) {
    const std::string id = task.item(JsonValue(record, source.path()), input).id;
    require_usage(ids.insert(id).second, source.path(), ": id ", id, " occurs twice");
    out += record.dump() + "\n";
  }
  return out;
}

/// The few-shot file, or "" where the source holds none.
static std::string shots_of(const TaskEntry& task, const Source& source) {
  const Json shots = task.import_shots ? task.import_shots(source) : Json();
  return shots.is_null() ? "" : shots.dump(1) + "\n";
}

static Imported written(const ImportOptions& o, const std::string& path, const std::string& text, int64_t n) {
  fs::create_directories(fs::path(path).parent_path());  // nothing is made before the file was understood
  OutputFile output(path, o.replace, {&o.from, 1});
  output.stream() << text;
  output.commit();
  return {path, sha256_of_text(text), n};
}

std::vector<Imported> import_data(const ImportOptions& o) {
  const TaskEntry& task = task_entry(o.task);
  require_usage(!comes_with_rouse(task), o.task, " comes with rouse");
  const Source source(o.from);
  const bool prompt = is_prompt_text(o.from) && task.import;
  require_usage(!prompt || task.import_shots, o.from, ": is a prompt, but ", o.task, " takes none from text");
  const std::string path = (fs::path(o.folder) / task.file).string(),
                    shots_path = (fs::path(o.folder) / task.shots).string();
  const std::string& first = prompt ? shots_path : path;
  require_of(o.replace || !fs::exists(first), ErrorKind::usage, "force", first, ": is there already");
  const std::string text = prompt ? "" : lines_of(task, source), shots = shots_of(task, source);
  std::vector<Imported> out;
  if (!prompt) out.push_back(written(o, path, text, std::count(text.begin(), text.end(), '\n')));
  if (!shots.empty() && (o.replace || !fs::exists(shots_path)))
    out.push_back(written(o, shots_path, shots,
                          static_cast<int64_t>(parse_json(shots, shots_path)["examples"].size())));
  return out;
}

}  // namespace rouse
