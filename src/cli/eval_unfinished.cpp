/// cli/eval_unfinished.cpp - what an evaluation that goes on, or was interrupted, has saved so far. Reads
/// only.
#include "base/json.h"
#include "cli/eval_command.h"

namespace rouse {

namespace fs = std::filesystem;

void add_unfinished(EvalRun& run, const fs::path& folder) {
  const fs::path path = folder / "settings.json";
  if (!fs::exists(path)) return;
  const Json settings = read_json(path.string());
  const JsonValue s(settings, path.string());
  for (const TaskEntry* task : task_registry()) {
    const fs::path samples = folder / cat("samples_", task->name, ".jsonl");
    if (run.samples.count(task->name) || !fs::exists(samples)) continue;
    std::vector<EvalJson> rows = read_samples(samples.string());
    if (rows.empty()) continue;
    const auto n_item = s.find(cat("items of ", task->name, ", number"));
    run.unfinished[task->name] =
        n_item ? cat(rows.size(), " of ", n_item->integer(1, INT32_MAX)) : cat(rows.size(), " so far");
    run.samples[task->name] = std::move(rows);
  }
  if (run.results.is_null() && !run.unfinished.empty()) {
    run.method = variant_label(s.at("method").text(), s.at("policy").text());
    run.fingerprint = s.at("model").text();
    run.model = run.fingerprint.substr(0, 8);
  }
}

}  // namespace rouse
