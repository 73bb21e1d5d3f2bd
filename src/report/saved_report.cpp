#include "report/saved_report.h"

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "report/plan_profile.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

constexpr size_t kEveryExpert = 1'000'000;

/// Figures of one file, by what it says it is.
std::vector<Figure> file_figures(const std::string& path, const std::string& id) {
  const Json json = read_json(path);
  const JsonValue value(json, path);
  const auto format = value.find("format");
  if (format && format->text() == "rouse-plan") {
    const Json profile = plan_profile(read_plan(path), path, kEveryExpert);
    return profile_figures(JsonValue(profile, path), id);
  }
  if (value.find("oracle")) return headroom_figures(value, id);
  if (value.find("strong")) return divergence_figures(value, id);
  if (value.find("most_causal")) return profile_figures(value, id);
  if (value.find("repeats") && value.find("rows")) return latency_figures(value, id);
  throw Error(cat(path, ": is no plan, and no JSON of headroom, plan show, report divergence or bench"),
              ErrorKind::usage);
}

/// Steps of `rouse repro` in their order, as far as they are done.
SavedReport repro_report(const fs::path& folder, const std::string& id) {
  const std::string path = (folder / "repro.json").string();
  const Json json = read_json(path);
  const JsonValue record(json, path);
  SavedReport out;
  out.title = record.at("paper").text();
  out.intro =
      cat("Of this model, not the paper's.\nModel ", fs::path(record.at("model").text()).filename().string(),
          " ", record.at("fingerprint").text().substr(0, 12));
  for (const JsonValue& step : record.at("steps").list(0, 1000)) {
    const std::string name = step.at("name").text();
    const auto title = step.find("title");
    Section section{title ? title->text() : name,
                    "rouse " + step.at("command").text().substr(std::string("rouse ").size()),
                    {}};
    const fs::path product = folder / name, file = folder / (name + ".json");
    const std::string own = cat(id, "-", name);
    if (fs::is_directory(product)) section.figures = run_figures(read_runs(product.string()), own);
    if (fs::exists(file)) section.figures = file_figures(file.string(), own);
    if (!section.figures.empty()) out.sections.push_back(std::move(section));
  }
  require_usage(!out.sections.empty(), folder.string(), ": no step of it is done yet");
  return out;
}

}  // namespace

SavedReport saved_report(const std::string& path, const std::string& id) {
  require_usage(fs::exists(path), path, ": is not there");
  const std::string name = fs::path(path).lexically_normal().filename().string();
  if (!fs::is_directory(path)) return {name, "", {{name, "", file_figures(path, id)}}};
  if (fs::exists(fs::path(path) / "repro.json")) return repro_report(path, id);
  const std::vector<EvalRun> runs = read_runs(path);
  return {"Evaluation",
          cat(path, ": ", runs.size(), runs.size() == 1 ? " run" : " runs"),
          {{name.empty() ? "runs" : name, "", run_figures(runs, id)}}};
}

}  // namespace rouse
