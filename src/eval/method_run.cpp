#include "eval/method_run.h"

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "eval/saved_runs.h"
#include "eval/summary.h"
#include "eval/task_file.h"
#include "session/variant.h"

namespace rouse {

/// A number of items stays the integer that older runs saved.
static Json limit_json(double limit) {
  return limit >= 1 || limit == 0 ? Json(static_cast<int64_t>(limit)) : Json(limit);
}
namespace {

namespace fs = std::filesystem;

std::string folder_name(const std::string& label, uint64_t hash) {
  std::string out;
  for (const char c : label) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_';
    if (plain || (!out.empty() && out.back() != '-')) out += plain ? c : '-';
  }
  return out.substr(0, 60) + "-" + hex64(hash).substr(0, 8);
}

std::string date_text() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[40], whole[64];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S", &parts);
  std::snprintf(whole, sizeof whole, "%s.%06ld", text, now.tv_nsec / 1000);
  return whole;
}

/// Compares the settings of a run's folder, where it has some: results of different settings are never mixed.
/// A task that is new there is added.
void check_settings(const fs::path& folder, Json& settings) {
  const std::string path = (folder / "settings.json").string();
  if (!fs::exists(path)) return;
  const Json before = read_json(path);
  (void)JsonValue(before, path).fields();
  for (const auto& [key, value] : settings.items()) {
    if (!before.contains(key) && key.rfind("items of ", 0) == 0) continue;
    require_usage(before.contains(key) && before[key] == value, path, ": ", key, " was ",
                  before.contains(key) ? json_text(before[key]) : "missing", ", now it is ", value.dump(),
                  "; use another folder");
  }
  for (const auto& [key, value] : before.items())
    if (!settings.contains(key)) settings[key] = value;
}

/// One of them before the others, so that the cause is named and not what it entails.
void check_setting(const fs::path& folder, const std::string& key, const Json& value, Json& settings) {
  settings[key] = value;
  Json one{{key, value}};
  check_settings(folder, one);
}

uint64_t hash_of(const std::vector<Item>& items) {
  uint64_t hash = 0;
  for (const Item& item : items)
    hash = hash * 1099511628211u + hash_text(cat(item.id, '\n', item.prompt, '\n', join(item.choices, "\n"),
                                                 '\n', item.tokens.size()));
  return hash;
}

}  // namespace

MethodRun::MethodRun(const EvalOptions& o, const Session& session, const MethodRunOptions& run,
                     const EvalEvents& events)
    : o_(o),
      session_(session),
      events_(events),
      method_(resolved(run.method, session.router())),
      policy_(method_.routing, session.router()),
      label_(variant_label(method_, policy_)),
      date_(date_text()),
      order_(run.order),
      folder_(run.output / folder_name(label_, hash_text(cat(label_, hex64(policy_.hash()))))),
      settings_{
          {"model", session.engine->file().fingerprint()},
          {"method", method_text(method_)},
          {"policy", policy_.text()},
          {"policy_hash", hex64(policy_.hash())},
          {"amateur",
           method_entry(method_.name).amateur ? Json(session.amateur_engine->file().fingerprint()) : Json()},
          {"iti", method_.iti.empty() ? Json() : Json(hex64(hash_text(file_text(method_.iti, "ITI file"))))},
          {"kv_type", o.model.kv_type},
          {"context", session.engine->n_ctx()},
          {"split", run.split},
          {"limit", limit_json(o.limit)},
          {"sample_seed", o.sample_seed},
          {"shots", o.n_shot},
          {"window", o.n_window},
          {"protocol", o.protocol},
          {"chat_template", o.runner.chat_template},
          {"score_alpha", o.runner.score_alpha},
          {"n_predict", o.runner.n_predict},
          {"ignore_eos", o.runner.ignore_eos},
          {"samples", o.runner.n_sample},
          {"temperature", o.runner.sampling.temperature},
          {"top_p", o.runner.sampling.top_p},
          {"top_k", o.runner.sampling.top_k},
          {"seed", o.runner.sampling.seed},
          {"sandbox", o.runner.sandbox ? Json(o.runner.sandbox->level()) : Json(nullptr)}},
      results_(Json::object()) {
  if (o.runner.chat_template) {
    settings_["template_date"] = o.runner.chat.date;
    if (!o.runner.chat.kwargs.is_null()) settings_["chat_template_kwargs"] = o.runner.chat.kwargs;
  }
  if (!method_.routing_per_sample.empty())
    for (int i = 0; i < o.runner.n_sample; ++i)
      settings_["per_sample"].push_back(
          hex64(RoutingPolicy(of_sample(method_, i).routing, session.router()).hash()));
  check_settings(folder_, settings_);
  if (fs::exists(folder_) && !newest_file(folder_, "results_", ".json").empty())
    results_ = newest_results(folder_);
}

/// Results of an earlier run are there, and rows of all these items.
bool MethodRun::finished(const LoadedEval& task, const SampleLog& log) const {
  return results_.contains("results") && results_["results"].contains(task.entry->name) &&
         log.size() == task.items.size() &&
         std::all_of(task.items.begin(), task.items.end(), [&](const Item& i) { return log.has(i.id); });
}

bool MethodRun::run(std::span<const LoadedEval> tasks) {
  const EvalModel model{session_.engines(), *session_.tokenizer,
                        sample_methods(method_, o_.runner.n_sample, session_.models()),
                        method_entry(method_.name).likelihood};
  for (const LoadedEval& task : tasks)
    if (!run_task(task, model)) return false;
  return true;
}

/// False when stopped. Nothing is made before everything is checked.
bool MethodRun::run_task(const LoadedEval& task, const EvalModel& model) {
  const fs::path samples = folder_ / cat("samples_", task.entry->name, ".jsonl");
  const std::string before =
      !fs::exists(folder_) ? "" : newest_file(folder_, cat("samples_", task.entry->name, "_"), ".jsonl");
  const bool again = !fs::exists(samples) && !before.empty();  // all may be done, or all but what failed
  auto log = std::make_unique<SampleLog>(again ? before : samples.string());
  if (task.entry->from)
    check_setting(folder_, cat("items of ", task.entry->name, ", task file"), task.entry->from->sha256(),
                  settings_);
  log->check(task.items);
  settings_[cat("items of ", task.entry->name)] = hex64(hash_of(task.items));
  settings_[cat("items of ", task.entry->name, ", number")] = task.items.size();
  if (task.fewshot.is_object() && task.fewshot["own"] == true)
    settings_[cat("items of ", task.entry->name, ", few-shot")] = "rouse's own";
  check_settings(folder_, settings_);
  if (again && finished(task, *log)) return true;
  fs::create_directories(folder_);
  write_whole((folder_ / "settings.json").string(), settings_.dump(2) + "\n");
  if (again) {
    fs::copy_file(before, samples);
    log = std::make_unique<SampleLog>(samples.string());
  }
  RunnerEvents events;
  events.stop = events_.stop;
  events.saved = events_.saved;
  if (events_.progress)
    events.progress = [&](double done, double mean) { events_.progress(label_, *task.entry, done, mean); };
  events.failed = [&](const Item& item, const Error& e) {
    ++n_failed_;
    events_.tell(cat(task.entry->name, " under ", label_, ": item ", item.id, " failed: ", e.what()));
  };
  if (!rouse::run_task(*task.entry, task.items, model, o_.runner, *log, events)) return false;
  log->finish();
  add_results(task, log->rows());
  save(task);
  return true;
}

void MethodRun::add_results(const LoadedEval& loaded, const std::vector<EvalJson>& rows) {
  const TaskEntry& task = *loaded.entry;
  const Json groups = summarise_groups(rows);
  Json entry{{"alias", task.name}};
  for (const auto& [metric, s] : groups["all"].items()) {
    entry[metric + ",none"] = s["value"];
    entry[metric + "_stderr,none"] = s["stderr"];
  }
  results_["results"][task.name] = entry;
  results_["n-samples"][task.name] = {{"original", rows.size()}, {"effective", rows.size()}};
  results_["n-shot"][task.name] = o_.n_shot >= 0 && *task.shots ? o_.n_shot : task.n_shot;
  results_["versions"][task.name] = task.version;
  results_["configs"][task.name] = {
      {"task", task.name},
      {"protocol", task.protocol},
      {"file", task.file},
      {"sha256", task.sha256},
      {"metric", task.metric},
      {"output_type", task.kind == TaskKind::text ? "generate_until" : "loglikelihood"}};
  if (!loaded.fewshot.is_null()) results_["configs"][task.name]["fewshot"] = loaded.fewshot;
  if (task.from) {
    results_["configs"][task.name]["task_file"] = task.source;
    results_["configs"][task.name]["task_file_sha256"] = task.from->sha256();
    results_["configs"][task.name]["task_file_text"] = task.from->config();
  }
  // From the rows alone: a run that was killed and goes on ends with what an undisturbed one has.
  const auto total = total_cost(rows);
  results_["rouse"]["tasks"][task.name] = {{"groups", groups},
                                           {"cost", task_cost_json(rows)},
                                           {"prompts_cut", total ? Json(total->n_cut) : Json(nullptr)},
                                           {"n_failed", loaded.items.size() - n_scored(rows)}};
}

/// The results file first without its samples' final name, then that: a run killed in between runs the task's
/// last step again.
void MethodRun::save(const LoadedEval& task) {
  results_["config"] = {{"model", "rouse"},
                        {"model_args", model_path(o_.model)},
                        {"limit", o_.limit > 0 ? limit_json(o_.limit) : Json(nullptr)},
                        {"random_seed", o_.sample_seed}};
  results_["date"] = date_;
  Json& r = results_["rouse"];
  r["label"] = label_;
  r["order"] = order_;
  r["settings"] = settings_;
  r["model"] = session_.engine->spec().name;
  r["device"] = session_.devices->text();
  write_whole((folder_ / cat("results_", date_, ".json")).string(),
              results_.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  const std::string samples = cat("samples_", task.entry->name);
  fs::rename(folder_ / (samples + ".jsonl"), folder_ / cat(samples, "_", date_, ".jsonl"));
}

}  // namespace rouse
