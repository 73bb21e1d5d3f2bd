#include "advice/task_trial.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "eval/cost.h"
#include "eval/saved_runs.h"
#include "eval/summary.h"
#include "eval/sweep.h"
#include "model/model_spec.h"
#include "session/variant.h"

namespace rouse {
namespace {

constexpr int kPilotItems = 8;
constexpr double kTwoStreams = 1.6;  ///< of a greedy answer's time, about

EvalOptions options_of(const TaskTrial& t, std::vector<std::string> methods, const std::string& name,
                       int n_item) {
  EvalOptions o;
  o.model = t.model, o.tasks = t.tasks, o.methods = std::move(methods), o.data = t.data;
  o.output = t.folder + "/" + name, o.limit = n_item, o.sample_seed = t.seed;
  return o;
}

/// How much of one greedy run over all items the whole trial is: what has a grid runs it on the development
/// items, all else on the rest.
double greedy_runs(const TaskTrial& t, double dev_share) {
  double out = 0;
  for (const std::string& method : t.methods) {
    const auto variants = sweep_variants(method, {});
    const double streams = parse_variant(variants[0]).name == "scmoe" ? kTwoStreams : 1;
    out += streams * (1 - dev_share);
    if (variants.size() > 1) out += streams * dev_share * static_cast<double>(variants.size());
  }
  return out;
}

std::string label_of(const std::string& variant, const RouterSpec& router) {
  const MethodOptions method = resolved(parse_variant(variant), router);
  return variant_label(method, RoutingPolicy(method.routing, router));
}

const EvalRun& run_of(const std::vector<EvalRun>& runs, const std::string& label) {
  const auto found = std::ranges::find(runs, label, &EvalRun::method);
  require(found != runs.end(), "the runs of ", label, " are not in the folder");
  return *found;
}

double value_of(const EvalJson& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_number() ? found->get<double>() : NAN;
}

}  // namespace

int items_within(const TaskTrial& t, const EvalEvents& events) {
  const EvalOptions o = options_of(t, {t.methods[0]}, "pilot", kPilotItems);
  if (!evaluate(o, events).whole) return 0;
  double one_of_each = 0;  // seconds for an item of every task
  for (const EvalRun& run : read_runs(o.output))
    for (const auto& [task, rows] : run.samples)
      if (const auto cost = total_cost(rows))
        one_of_each += cost->seconds / static_cast<double>(std::max<size_t>(1, rows.size()));
  constexpr double kMost = 1e6;
  return static_cast<int>(std::min(kMost, t.seconds / (one_of_each * greedy_runs(t, o.dev_share))));
}

std::optional<std::vector<Measured>> run_task_trial(const TaskTrial& t, int n_item,
                                                    const EvalEvents& events) {
  const EvalOptions o = options_of(t, t.methods, "tasks", n_item);
  const EvalOutcome outcome = evaluate(o, events);
  if (!outcome.whole) return std::nullopt;
  const RouterSpec router = read_spec(GgufFile(model_path(t.model))).router;
  const std::vector<EvalRun> runs = read_runs(o.output);
  const EvalRun& base = run_of(runs, label_of(t.methods[0], router));
  std::vector<Measured> out;
  for (size_t m = 1; m < t.methods.size(); ++m)
    for (const std::string& task : named_tasks(t.tasks)) {
      std::string variant = t.methods[m];
      for (const Json& choice : outcome.choices)
        if (choice["task"] == task && choice["method"] == t.methods[m]) variant = choice["chosen"];
      if (sweep_variants(variant, {}).size() > 1) continue;  // this method cannot do this task
      const EvalRun& run = run_of(runs, label_of(variant, router));
      const auto before = base.samples.find(task), after = run.samples.find(task);
      if (before == base.samples.end() || after == run.samples.end()) continue;
      Measured row = measured_on_items(task_entry(task), before->second, after->second, t.seed);
      row.method = t.methods[m], row.on = task;
      out.push_back(row);
    }
  return out;
}

Measured measured_on_items(const TaskEntry& task, const std::vector<EvalJson>& before,
                           const std::vector<EvalJson>& after, uint64_t seed) {
  const bool running = task.kind == TaskKind::tokens;
  const char* metric = running ? "nll" : task.metric;
  std::vector<double> was, change;
  std::vector<int> count;
  int64_t lost = 0, won = 0;
  bool right_or_wrong = !running;
  for (const auto& [row, other] : paired_rows(before, after)) {
    const double a = value_of(*row, metric), b = value_of(*other, metric);
    if (std::isnan(a) || std::isnan(b)) continue;
    was.push_back(a), change.push_back(b - a);
    count.push_back(running ? static_cast<int>(value_of(*row, "tokens")) : 1);
    right_or_wrong = right_or_wrong && (a == 0 || a == 1) && (b == 0 || b == 1);
    lost += a > b, won += a < b;
  }
  Measured out = measured_on_documents(was, change, count, seed);
  out.metric = running ? "NLL" : task.metric;
  out.unit = running ? "nats a token" : "";
  out.low_is_good = running;
  if (!right_or_wrong) return out;
  out.p = mcnemar(lost, won);
  out.unit = "%";
  out.before *= 100, out.change *= 100, out.interval = {100 * out.interval.low, 100 * out.interval.high};
  return out;
}

}  // namespace rouse
