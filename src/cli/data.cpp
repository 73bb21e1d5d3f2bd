/// cli/data.cpp - which benchmarks' data is at hand, and where a user gets the rest.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/text.h"
#include "cli/command.h"
#include "eval/source.h"
#include "gguf/hash.h"

namespace rouse {

namespace fs = std::filesystem;

static bool comes_with_rouse(const TaskEntry& task) {
  return std::string(task.source).rfind("rouse,", 0) == 0;
}

static std::string sha256_of(const std::string& text) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(text)));
  return hash.hex();
}

static Json state_of(const TaskEntry& task, const std::string& folder) {
  Json out{{"task", task.name}, {"file", task.file}, {"source", task.source}, {"state", "missing"}};
  if (const std::string at = find_task(task, data_folders(folder)); !at.empty()) {
    const std::string path = (fs::path(at) / task.file).string();
    const std::string text = file_text(path, "data"), sha256 = sha256_of(text);
    out["records"] = std::count(text.begin(), text.end(), '\n');
    out["sha256"] = sha256;
    out["path"] = path;
    out["state"] = *task.sha256 && sha256 == task.sha256 ? "the copy that rouse is tested with" : "there";
  }
  if (*task.shots && !fs::exists(fs::path(folder) / task.shots))
    out["shots"] = std::string(task.shots) + " is missing";
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

static int import_data(const std::string& name, const std::string& from, const std::string& folder,
                       bool force) {
  const TaskEntry& task = task_entry(name);
  require_usage(!comes_with_rouse(task), name, " comes with rouse");
  const std::string path = (fs::path(folder) / task.file).string();
  require_usage(force || !fs::exists(path), path, ": is there already; --force replaces it");
  const std::string text = lines_of(task, Source(from));
  fs::create_directories(folder);  // nothing is made before the file was understood
  OutputFile output(path, force, {&from, 1});
  output.stream() << text;
  output.commit();
  std::printf("%s: %td records, sha256 %s\n", path.c_str(), std::count(text.begin(), text.end(), '\n'),
              sha256_of(text).c_str());
  return 0;
}

void add_data(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("data", "The benchmarks' data: what is there, where the rest is to be had");
  sub->require_subcommand(1);
  CLI::App* list = sub->add_subcommand("list", "Every benchmark's file, checked against its sha256");
  auto folder = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  list->add_option("--data", *folder, "folder with the files");
  list->add_flag("--json", *json, "print JSON");
  on_run(*list, [folder, json] {
    Json all = Json::array();
    for (const TaskEntry* task : task_registry()) all.push_back(state_of(*task, *folder));
    if (*json) {
      std::cout << all.dump(2) << '\n';
      return 0;
    }
    for (const Json& t : all) {
      const std::string records = t.contains("records") ? cat(t["records"], " lines, ") : "";
      std::printf("%-16s %-24s %s%s\n", t["task"].get<std::string>().c_str(),
                  t["file"].get<std::string>().c_str(), records.c_str(),
                  t["state"].get<std::string>().c_str());
      if (t["state"] == "missing") std::printf("%-16s from %s\n", "", t["source"].get<std::string>().c_str());
      if (t.contains("shots")) std::printf("%-16s %s\n", "", t["shots"].get<std::string>().c_str());
    }
    return 0;
  });

  CLI::App* add = sub->add_subcommand(
      "import", "Turn the official distribution of a benchmark into the form that rouse reads, and check it");
  struct Import {
    std::string task, file, folder;
    bool force = false;
  };
  auto o = std::make_shared<Import>();
  add->add_option("task", o->task, "which benchmark")->required();
  add->add_option("file", o->file, "the official file or folder; gzip is unpacked")->required();
  add->add_option("--data", o->folder, "folder to write to")->required();
  add->add_flag("--force", o->force, "replace what is there");
  std::string footer = "What FILE is:\n";
  for (const TaskEntry* task : task_registry())
    if (!comes_with_rouse(*task)) footer += cat("  ", padded(task->name, 16), " ", task->source, "\n");
  add->footer(footer);
  on_run(*add, [o] { return import_data(o->task, o->file, o->folder, o->force); });
}

}  // namespace rouse
