/// cli/data.cpp - which benchmarks' data is at hand, and where a user gets the rest.
#include "eval/data.h"

#include <iostream>

#include "base/text.h"
#include "cli/command.h"

namespace rouse {

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
    for (const TaskEntry* task : task_registry()) all.push_back(data_state(*task, *folder));
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
  auto o = std::make_shared<ImportOptions>();
  add->add_option("task", o->task, "which benchmark")->required();
  add->add_option("file", o->from, "the official file or folder; gzip is unpacked")->required();
  add->add_option("--data", o->folder, "folder to write to")->required();
  add->add_flag("--force", o->replace, "replace what is there");
  std::string footer = "What FILE is:\n";
  for (const TaskEntry* task : task_registry())
    if (!comes_with_rouse(*task)) footer += cat("  ", padded(task->name, 16), " ", task->source, "\n");
  footer +=
      "A prompt as text or Markdown, \"Question: ...\" and \"Answer: ...\" (or Q: and A:) with a blank line "
      "between two examples, becomes the few-shot file of gsm8k, strategyqa or truthfulqa_mc1. The file of "
      "mbpp, and gsm8k's where train.jsonl lies beside, come with the benchmark.\n";
  add->footer(footer);
  on_run(*add, [o] {
    const std::vector<Imported> files = import_data(*o);
    for (const Imported& file : files)
      std::printf("%s: %lld records, sha256 %s\n", file.path.c_str(), static_cast<long long>(file.n_record),
                  file.sha256.c_str());
    return 0;
  });
}

}  // namespace rouse
