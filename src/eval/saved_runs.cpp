#include "eval/saved_runs.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "eval/results.h"
#include "eval/samples.h"
#include "session/variant.h"

namespace rouse {

namespace fs = std::filesystem;

std::string newest_file(const fs::path& folder, const std::string& begin, const std::string& end) {
  std::string best;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(begin, 0) == 0 && name.ends_with(end)) best = std::max(best, entry.path().string());
  }
  return best;
}

Json newest_results(const fs::path& folder) {
  const std::string path = newest_file(folder, "results_", ".json");
  require_usage(!path.empty(), folder.string(), ": holds no results");
  return read_results(path);
}

EvalRun read_run(const fs::path& folder) {
  EvalRun run;
  run.folder = folder.string();
  run.results = newest_results(folder);
  run.method = run.results["rouse"]["label"].get<std::string>();
  run.model = run.results["rouse"].value("model", "");
  run.fingerprint = run.results["rouse"].value("settings", Json::object()).value("model", "");
  for (const auto& [task, scores] : run.results["results"].items()) {
    const std::string samples = newest_file(folder, "samples_" + task + "_", ".jsonl");
    require_usage(!samples.empty(), folder.string(), ": the samples of ", task, " are missing");
    run.samples[task] = read_samples(samples);
  }
  return run;
}

/// Adds the rows of tasks that are not finished, as far as they were saved.
static void add_unfinished(EvalRun& run, const fs::path& folder) {
  const fs::path path = folder / "settings.json";
  if (!fs::exists(path)) return;
  const Json settings = read_json(path.string());
  const JsonValue s(settings, path.string());
  constexpr std::string_view kItems = "items of ";
  for (const auto& [key, value] : s.fields()) {
    if (!key.starts_with(kItems)) continue;
    const std::string task = key.substr(kItems.size(), key.find(',') - kItems.size());
    const fs::path samples = folder / cat("samples_", task, ".jsonl");
    if (run.samples.count(task) || !fs::exists(samples)) continue;
    std::vector<EvalJson> rows = read_samples(samples.string());
    if (rows.empty()) continue;
    const auto n_item = s.find(cat(kItems, task, ", number"));
    run.unfinished[task] =
        n_item ? cat(rows.size(), " of ", n_item->integer(1, INT32_MAX)) : cat(rows.size(), " so far");
    run.samples[task] = std::move(rows);
  }
  if (run.results.is_null() && !run.unfinished.empty()) {
    run.method = variant_label(s.at("method").text(), s.at("policy").text());
    run.fingerprint = s.at("model").text();
    run.model = run.fingerprint.substr(0, 8);
  }
}

/// The run of a folder, if it is one.
static std::optional<EvalRun> find_run(const fs::path& folder, bool unfinished) {
  EvalRun run;
  if (!newest_file(folder, "results_", ".json").empty()) run = read_run(folder);
  run.folder = folder.string();
  if (unfinished) add_unfinished(run, folder);
  return run.samples.empty() ? std::nullopt : std::optional(std::move(run));
}

std::string metric_of(const EvalRun& run, const std::string& task) {
  const JsonValue results(run.results, run.folder);
  const auto configs = results.find("configs");
  const auto config = configs ? configs->find(task) : std::nullopt;
  const auto metric = config ? config->find("metric") : std::nullopt;
  return metric ? metric->text() : task_entry(task).metric;
}

std::vector<EvalRun> read_runs(const std::string& folder, bool unfinished) {
  require_usage(fs::is_directory(folder), folder, ": is not a folder");
  if (auto run = find_run(folder, unfinished)) return {std::move(*run)};
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory()) inside.push_back(entry.path());
  std::sort(inside.begin(), inside.end());
  std::vector<EvalRun> runs;
  for (const fs::path& path : inside)
    if (auto run = find_run(path, unfinished)) runs.push_back(std::move(*run));
  require_usage(!runs.empty(), folder, ": holds no ", unfinished ? "" : "finished ", "run of `rouse eval`");
  // In the order in which the methods were given; what has no results yet came last.
  const auto order = [](const EvalRun& run) {
    return run.results.is_null() ? INT32_MAX : run.results["rouse"].value("order", 0);
  };
  std::stable_sort(runs.begin(), runs.end(),
                   [&](const EvalRun& a, const EvalRun& b) { return order(a) < order(b); });
  return runs;
}

}  // namespace rouse
