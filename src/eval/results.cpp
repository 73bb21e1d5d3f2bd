#include "eval/results.h"

#include <limits>

#include "base/json.h"

namespace rouse {
namespace {

constexpr double kMost = std::numeric_limits<double>::max();

/// {"value", "stderr", "interval": [low, high], "n"}
void check_score(const JsonValue& score) {
  score.at("value").real(-kMost, kMost);
  score.at("stderr").real(0, kMost);
  score.at("interval").reals(2, 2, -kMost, kMost);
  score.at("n").integer(0, INT32_MAX);
}

void check_task(const JsonValue& root, const std::string& task) {
  const JsonValue entry = root.at("rouse").at("tasks").at(task);
  const auto groups = entry.find("groups"), cost = entry.find("cost");
  const auto evaluations = cost ? cost->find("expert_evaluations_per_token") : std::nullopt;
  const auto unknown = cost ? cost->find("unknown") : std::nullopt;
  require_usage(groups && (evaluations || unknown), root.place(), task,
                " has no cost by token, as an earlier rouse left it; run it again into another folder");
  if (unknown) unknown->text();
  if (evaluations) evaluations->real(0, kMost), cost->at("weight_bytes_per_token").real(0, kMost);
  (void)groups->at("all").fields();
  for (const auto& [group, scores] : groups->fields())
    for (const auto& [metric, score] : scores.fields()) check_score(score);
}

}  // namespace

EvalJson read_results(const std::string& path) {
  EvalJson json = read_json(path);
  const JsonValue root(json, path);
  const JsonValue own = root.at("rouse");
  own.at("label").text();
  const JsonValue settings = own.at("settings");
  settings.at("policy").text();
  if (const auto model = settings.find("model")) model->text();
  if (const auto order = own.find("order")) order->integer(0, INT32_MAX);
  if (const auto model = own.find("model")) model->text();
  for (const auto& [task, scores] : root.at("results").fields()) {
    (void)scores.fields();
    check_task(root, task);
  }
  for (const auto& [task, entry] : own.at("tasks").fields()) (void)root.at("results").at(task);
  for (const char* key : {"n-samples", "n-shot", "versions", "configs", "config"})
    if (const auto part = root.find(key)) (void)part->fields();
  return json;
}

}  // namespace rouse
