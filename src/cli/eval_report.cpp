/// cli/eval_report.cpp - the scores of saved runs side by side, and what is significant.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "cli/eval_command.h"
#include "eval/results.h"
#include "eval/summary.h"

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
  for (const auto& [task, scores] : run.results["results"].items()) {
    const std::string samples = newest_file(folder, "samples_" + task + "_", ".jsonl");
    require_usage(!samples.empty(), folder.string(), ": the samples of ", task, " are missing");
    run.samples[task] = read_samples(samples);
  }
  return run;
}

std::vector<EvalRun> read_runs(const std::string& folder) {
  require_usage(fs::is_directory(folder), folder, ": is no folder");
  std::vector<EvalRun> runs;
  if (!newest_file(folder, "results_", ".json").empty()) return {read_run(folder)};
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && !newest_file(entry.path(), "results_", ".json").empty())
      inside.push_back(entry.path());
  std::sort(inside.begin(), inside.end());
  for (const fs::path& path : inside) runs.push_back(read_run(path));
  require_usage(!runs.empty(), folder, ": holds no finished run of `rouse eval`");
  // In the order in which the methods were given.
  std::stable_sort(runs.begin(), runs.end(), [](const EvalRun& a, const EvalRun& b) {
    return a.results["rouse"].value("order", 0) < b.results["rouse"].value("order", 0);
  });
  return runs;
}

Json report_of(const std::vector<EvalRun>& runs) {
  Json out{{"baseline", runs[0].method}, {"tasks", Json::object()}};
  std::vector<double> p;
  std::vector<Json*> places;
  for (const EvalRun& run : runs)
    for (const auto& [task, rows] : run.samples) {
      const Json& saved = run.results["rouse"]["tasks"][task];
      Json entry{{"method", run.method},
                 {"groups", saved["groups"]},
                 {"cost", saved["cost"]},
                 {"n_failed", saved.value("n_failed", 0)}};
      const auto base = runs[0].samples.find(task);
      if (&run != &runs[0] && base != runs[0].samples.end())
        entry["against_baseline"] = compare_rows(base->second, rows);
      out["tasks"][task].push_back(std::move(entry));
    }
  for (auto& [task, entries] : out["tasks"].items())
    for (Json& entry : entries) {
      if (!entry.contains("against_baseline")) continue;
      for (auto& [metric, c] : entry["against_baseline"].items())
        if (c.contains("mcnemar_p")) p.push_back(c["mcnemar_p"].get<double>()), places.push_back(&c);
    }
  const auto corrected = holm(p);
  for (size_t i = 0; i < places.size(); ++i) (*places[i])["holm_p"] = corrected[i];
  return out;
}

/// "12.3 [11.0, 13.6]": percent, but for perplexities.
static std::string cell(const std::string& metric, const Json& score) {
  const double scale = metric == "perplexity" ? 1 : 100;
  char text[96];
  std::snprintf(text, sizeof text, "%.2f [%.2f, %.2f]", scale * score["value"].get<double>(),
                scale * score["interval"][0].get<double>(), scale * score["interval"][1].get<double>());
  return text;
}

/// A p too small for a double is no 0.
static std::string p_text(double p) {
  if (p < 1e-300) return "< 1e-300";
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", p);
  return text;
}

/// "+0.5 [-0.1, 1.1], p 0.04 (0.3)": the difference, McNemar's p and Holm's.
static std::string difference_cell(const std::string& metric, const Json& c) {
  const double scale = metric == "perplexity" ? 1 : 100;
  char text[128];
  std::snprintf(text, sizeof text, "%+.2f [%+.2f, %+.2f]", scale * c["difference"].get<double>(),
                scale * c["interval"][0].get<double>(), scale * c["interval"][1].get<double>());
  if (!c.contains("holm_p")) return text;
  return cat(text, ", p ", p_text(c["mcnemar_p"]), " (", p_text(c["holm_p"]), ")");
}

/// One row a method: the metric over all items, by group, and against the first method; expert evaluations a
/// token.
static Table table_of(const Json& entries, const std::string& metric) {
  Table table{{"method"}};
  const bool grouped = entries[0]["groups"].size() > 1;
  for (const auto& [group, scores] : entries[0]["groups"].items())
    table[0].push_back(grouped ? group : "score");
  table[0].emplace_back("against the first, p (corrected)");
  table[0].emplace_back("experts a token");
  for (const Json& e : entries) {
    if (!e["groups"]["all"].contains(metric)) continue;  // a score of DoLa's is no likelihood: no perplexity
    table.push_back({e["method"].get<std::string>()});
    for (const auto& [group, first] : entries[0]["groups"].items()) {
      const bool there = e["groups"].contains(group) && e["groups"][group].contains(metric);
      table.back().push_back(there ? cell(metric, e["groups"][group][metric]) : "");
    }
    const bool compared = e.contains("against_baseline") && e["against_baseline"].contains(metric);
    table.back().push_back(compared ? difference_cell(metric, e["against_baseline"][metric]) : "");
    char experts[32] = "";
    std::snprintf(experts, sizeof experts, "%.1f", e["cost"]["expert_evaluations_per_token"].get<double>());
    table.back().emplace_back(experts);
  }
  return table;
}

std::string table_text(const Table& table, bool markdown) {
  std::vector<size_t> width(table[0].size());
  for (const auto& row : table)
    for (size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  std::string out;
  for (size_t r = 0; r < table.size(); ++r) {
    std::string line = markdown ? "|" : " ";
    for (size_t c = 0; c < table[r].size(); ++c) {
      line += cat(" ", markdown ? table[r][c] : padded(table[r][c], width[c]), markdown ? " |" : " ");
    }
    out += line + "\n";
    if (r > 0 || !markdown) continue;
    for (size_t c = 0; c < table[r].size(); ++c) out += "|---";
    out += "|\n";
  }
  return out;
}

/// "news, topk: 3 items failed and are left out": where any did.
static std::string failures_text(const Json& report) {
  std::string out;
  for (const auto& [task, entries] : report["tasks"].items())
    for (const Json& e : entries)
      if (e["n_failed"] > 0)
        out += cat("\n", task, ", ", e["method"].get<std::string>(), ": ", e["n_failed"].get<int>(),
                   " items failed and are left out\n");
  return out;
}

std::string report_text(const Json& report, bool markdown) {
  std::string out = failures_text(report);
  for (const auto& [task, entries] : report["tasks"].items())
    for (const auto& [metric, score] : entries[0]["groups"]["all"].items()) {
      const char *mark = markdown ? "**" : "", *gap = markdown ? "\n" : "",
                 *unit = metric == "perplexity" ? "" : ", percent";
      out += cat("\n", mark, task, mark, ", ", metric, unit, " (n = ", score["n"].get<int>(), ")\n", gap,
                 table_text(table_of(entries, metric), markdown));
    }
  return out;
}

}  // namespace rouse
