#include "report/tables.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"
#include "eval/cost.h"
#include "eval/summary.h"

namespace rouse {

/// Names of the runs' models, one each; a name that two files share is followed by its file's fingerprint.
static std::map<std::string, std::string> model_names(const std::vector<EvalRun>& runs) {
  std::map<std::string, std::string> names;  // by fingerprint
  for (const EvalRun& run : runs) names[run.fingerprint] = run.model;
  std::map<std::string, int> n_file;
  for (const auto& [fingerprint, name] : names) ++n_file[name];
  for (auto& [fingerprint, name] : names)
    if (n_file[name] > 1) name += cat(" (", fingerprint.substr(0, 8), ")");
  return names;
}

/// Where the runs are of several models: a difference may be the model's.
static Json notes_on(const std::vector<EvalRun>& runs, const std::map<std::string, std::string>& models) {
  Json notes = Json::array();
  if (models.size() < 2) return notes;
  std::vector<std::string> names;
  for (const auto& [fingerprint, name] : models) names.push_back(name);
  notes.push_back(cat("these runs are of ", names.size(), " models: ", join(names, ", ")));
  const EvalRun& first = runs[0];
  for (const EvalRun& run : runs)
    if (run.fingerprint != first.fingerprint && run.method != first.method)
      notes.push_back(cat(run.method, " of ", models.at(run.fingerprint), " differs from ", first.method,
                          " of ", models.at(first.fingerprint), " in the model and in the method"));
  return notes;
}

Json report_of(const std::vector<EvalRun>& runs) {
  const auto models = model_names(runs);
  Json out{{"baseline", runs[0].method}, {"tasks", Json::object()}, {"notes", notes_on(runs, models)}};
  std::vector<double> p;
  std::vector<Json*> places;
  for (const EvalRun& run : runs)
    for (const auto& [task, rows] : run.samples) {
      Json entry{{"method", run.method}, {"model", models.at(run.fingerprint)}};
      if (const auto open = run.unfinished.find(task); open != run.unfinished.end()) {
        entry["groups"] = summarise_groups(rows);
        entry["unfinished"] = open->second;
      } else {
        const Json& saved = run.results["rouse"]["tasks"][task];
        entry["groups"] = saved["groups"];
        entry["n_failed"] = saved.value("n_failed", 0);
        const Json& settings = run.results["rouse"]["settings"];
        if (settings.contains(cat("items of ", task, ", few-shot"))) entry["own_few_shot"] = true;
      }
      entry["cost"] = task_cost_json(rows);
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
static Table table_of(const Json& entries, const std::string& metric, bool with_model) {
  Table table{{"method"}};
  const bool grouped = entries[0]["groups"].size() > 1;
  for (const auto& [group, scores] : entries[0]["groups"].items())
    table[0].push_back(grouped ? group : "score");
  table[0].emplace_back("against the first, p (corrected)");
  table[0].emplace_back("experts a token");
  for (const Json& e : entries) {
    if (!e["groups"]["all"].contains(metric)) continue;  // a score of DoLa's is no likelihood: no perplexity
    std::string name = e["method"];
    if (with_model) name += cat(" of ", e["model"].get<std::string>());
    if (e.contains("unfinished")) name += cat(" (unfinished, ", e["unfinished"].get<std::string>(), ")");
    table.push_back({name});
    for (const auto& [group, first] : entries[0]["groups"].items()) {
      const bool there = e["groups"].contains(group) && e["groups"][group].contains(metric);
      table.back().push_back(there ? cell(metric, e["groups"][group][metric]) : "");
    }
    const bool compared = e.contains("against_baseline") && e["against_baseline"].contains(metric);
    table.back().push_back(compared ? difference_cell(metric, e["against_baseline"][metric]) : "");
    char experts[32] = "unknown";
    if (!e["cost"].contains("unknown"))
      std::snprintf(experts, sizeof experts, "%.1f", e["cost"]["expert_evaluations_per_token"].get<double>());
    table.back().emplace_back(experts);
  }
  return table;
}

/// What to know before reading the tables: "news, topk: 3 items failed and are left out", or that a score
/// does not compare with papers'.
static std::string notes_text(const Json& report, bool markdown) {
  std::string out;
  for (const Json& note : report["notes"]) out += cat(markdown ? "\n" : "", note.get<std::string>(), "\n");
  for (const auto& [task, entries] : report["tasks"].items())
    for (const Json& e : entries)
      if (e.value("n_failed", 0) > 0)
        out += cat("\n", task, ", ", e["method"].get<std::string>(), ": ", e["n_failed"].get<int>(),
                   " items failed and are left out\n");
  for (const auto& [task, entries] : report["tasks"].items())
    if (std::any_of(entries.begin(), entries.end(), [](const Json& e) { return e.contains("own_few_shot"); }))
      out += cat("\n", task, ": with rouse's own few-shot examples, not the published ones\n");
  return out;
}

std::string report_text(const Json& report, bool markdown, size_t width) {
  std::string out = notes_text(report, markdown);
  for (const auto& [task, entries] : report["tasks"].items())
    for (const auto& [metric, score] : entries[0]["groups"]["all"].items()) {
      const char *mark = markdown ? "**" : "", *gap = markdown ? "\n" : "",
                 *unit = metric == "perplexity" ? "" : ", percent";
      const Table table = table_of(entries, metric, !report["notes"].empty());
      out += cat("\n", mark, task, mark, ", ", metric, unit, " (n = ", score["n"].get<int>(), ")\n", gap,
                 markdown ? markdown_table(table) : table_text(table, width));
    }
  return out;
}

}  // namespace rouse
