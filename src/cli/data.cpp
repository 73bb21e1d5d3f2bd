/// cli/data.cpp - which benchmarks' data is at hand, and where a user gets the rest.
#include "eval/data.h"

#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"

namespace rouse {

static void print_states(const Json& all) {
  for (const Json& t : all) {
    const auto line = [](const std::string& name, const std::string& text) {
      print_text(cat(padded(name, 16), "  ", text, "\n"));
    };
    const std::string records = t.contains("records") ? cat(t["records"], " lines, ") : "";
    line(t["task"], cat(padded(t["file"], 24), " ", records, t["state"].get<std::string>()));
    if (t["state"] == "missing") line("", cat("from ", t["source"].get<std::string>()));
    if (t.contains("shots")) line("", t["shots"]);
  }
}

void add_data(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("data", "The benchmarks' data: what is there, where the rest is to be had");
  sub->require_subcommand(1);
  CLI::App* list = sub->add_subcommand("list", "Every benchmark's file, checked against its sha256");
  auto folder = std::make_shared<std::string>();
  list->add_option("--data", *folder, "folder with the files");
  on_result(
      *list,
      [folder](const std::atomic<bool>&) {
        Json all = Json::array();
        for (const TaskEntry* task : task_registry()) all.push_back(data_state(*task, *folder));
        return all;
      },
      print_states);

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
  on_result(
      *add,
      [o](const std::atomic<bool>&) {
        Json files = Json::array();
        for (const Imported& file : import_data(*o))
          files.push_back({{"path", file.path}, {"records", file.n_record}, {"sha256", file.sha256}});
        return Json{{"task", o->task}, {"files", files}};
      },
      [](const Json& d) {
        for (const Json& file : d["files"])
          std::printf("%s: %lld records, sha256 %s\n", file["path"].get<std::string>().c_str(),
                      file["records"].get<long long>(), file["sha256"].get<std::string>().c_str());
      });
}

}  // namespace rouse
