/// cli/data.cpp - which benchmarks' data is at hand, and where a user gets the rest.
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "cli/command.h"
#include "eval/task.h"
#include "gguf/hash.h"

namespace rouse {

namespace fs = std::filesystem;

static Json state_of(const TaskEntry& task, const std::string& folder) {
  Json out{{"task", task.name}, {"file", task.file}, {"source", task.source}, {"state", "missing"}};
  for (const std::string& at : {folder, (fs::path(model_path({})).parent_path() / "lab").string()}) {
    const fs::path path = fs::path(at) / task.file;
    if (at.empty() || !fs::exists(path)) continue;
    out["path"] = path.string();
    const bool known = !*task.sha256 || sha256_of_file(path.string()) == task.sha256;
    out["state"] = known ? "there" : "there, but not the version that rouse knows";
    break;
  }
  if (*task.shots && !fs::exists(fs::path(folder) / task.shots))
    out["shots"] = std::string(task.shots) + " is missing";
  return out;
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
  list->callback([folder, json] {
    Json all = Json::array();
    for (const TaskEntry* task : task_registry()) all.push_back(state_of(*task, *folder));
    if (*json) {
      std::cout << all.dump(2) << '\n';
      std::exit(0);
    }
    for (const Json& t : all) {
      std::printf("%-16s %-24s %s\n", t["task"].get<std::string>().c_str(),
                  t["file"].get<std::string>().c_str(), t["state"].get<std::string>().c_str());
      if (t["state"] == "missing") std::printf("%-16s from %s\n", "", t["source"].get<std::string>().c_str());
      if (t.contains("shots")) std::printf("%-16s %s\n", "", t["shots"].get<std::string>().c_str());
    }
    std::exit(0);
  });
}

}  // namespace rouse
