/// cli/method_run.cpp - one method over tasks: its folder, what of it is there already, and its results.
#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/eval_command.h"
#include "eval/summary.h"

namespace rouse {
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
                  "; use another -o");
  }
  for (const auto& [key, value] : before.items())
    if (!settings.contains(key)) settings[key] = value;
}

uint64_t hash_of(const std::vector<Item>& items) {
  uint64_t hash = 0;
  for (const Item& item : items)
    hash = hash * 1099511628211u + hash_text(cat(item.id, '\n', item.prompt, '\n', join(item.choices, "\n"),
                                                 '\n', item.tokens.size()));
  return hash;
}

Json cost_of(const EvalCost& c) {
  const auto text = static_cast<double>(std::max<int64_t>(1, c.n_text));
  return {{"items", c.n_item},
          {"tokens", c.n_token},
          {"seconds", c.seconds},
          {"items_per_second", c.seconds > 0 ? static_cast<double>(c.n_item) / c.seconds : 0},
          {"tokens_per_second", c.seconds > 0 ? static_cast<double>(c.n_token) / c.seconds : 0},
          {"expert_evaluations_per_token", static_cast<double>(c.cost.expert_evaluations) / text},
          {"weight_bytes_per_token", static_cast<double>(c.cost.weight_bytes) / text},
          {"counts", cost_json(c.cost)}};
}

/// "gsm8k exact_match 0.52": for the progress bar.
std::string running_score(const TaskEntry& task, double mean) {
  char text[64] = "";
  if (std::isfinite(mean)) std::snprintf(text, sizeof text, "| %s %.3f ", task.metric, mean);
  return text;
}

}  // namespace

MethodRun::MethodRun(const EvalOptions& o, const Session& session, const MethodOptions& method,
                     const fs::path& output, const std::string& split, int order)
    : o_(o),
      session_(session),
      method_(resolved(method, session.router())),
      policy_(method_.routing, session.router()),
      label_(variant_label(method_, policy_)),
      date_(date_text()),
      order_(order),
      folder_(output / folder_name(label_, hash_text(cat(label_, hex64(policy_.hash()))))),
      settings_{
          {"model", session.model->file().fingerprint()},
          {"method", method_text(method_)},
          {"policy", policy_.text()},
          {"policy_hash", hex64(policy_.hash())},
          {"amateur",
           method_entry(method.name).amateur ? Json(session.amateur->file().fingerprint()) : Json()},
          {"iti", method.iti.empty() ? Json() : Json(hex64(hash_text(file_text(method.iti, "ITI file"))))},
          {"kv_type", o.model.kv_type},
          {"context", session.engine->n_ctx()},
          {"split", split},
          {"limit", o.limit},
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
  check_settings(folder_, settings_);
  if (fs::exists(folder_) && !newest_file(folder_, "results_", ".json").empty())
    results_ = newest_results(folder_);
}

/// Results and samples of an earlier run are there, of these items.
bool MethodRun::finished(const LoadedEval& task) const {
  const std::string name = task.entry->name;
  if (!results_.contains("results") || !results_["results"].contains(name)) return false;
  const std::string samples = newest_file(folder_, "samples_" + name + "_", ".jsonl");
  if (samples.empty()) return false;
  const SampleLog log(samples);
  log.check(task.items);
  return log.size() == task.items.size() &&
         std::all_of(task.items.begin(), task.items.end(), [&](const Item& i) { return log.has(i.id); });
}

bool MethodRun::run(std::span<const LoadedEval> tasks) {
  const std::unique_ptr<Method> method = make_method(method_, session_.models());
  const EvalModel model{session_.engines(), *session_.tokenizer, *method,
                        method_entry(method_.name).likelihood};
  for (const LoadedEval& task : tasks) {
    const bool done = finished(task);
    const fs::path samples = folder_ / cat("samples_", task.entry->name, ".jsonl");
    SampleLog(samples.string()).check(task.items);
    settings_[cat("items of ", task.entry->name)] = hex64(hash_of(task.items));
    settings_[cat("items of ", task.entry->name, ", number")] = task.items.size();
    check_settings(folder_, settings_);
    if (done) continue;
    fs::create_directories(folder_);  // all is checked
    write_whole((folder_ / "settings.json").string(), settings_.dump(2) + "\n");
    const std::string before = newest_file(folder_, cat("samples_", task.entry->name, "_"), ".jsonl");
    if (!before.empty() && !fs::exists(samples)) fs::copy_file(before, samples);  // all but what failed
    SampleLog log(samples.string());
    EvalCost cost;
    ProgressBar bar(cat(label_, " ", task.entry->name));
    const auto progress = [&](double done, double mean) {
      bar.update(done, running_score(*task.entry, mean));
    };
    const auto failed = [&](const Item& item, const Error& e) {
      std::fprintf(stderr, "rouse: %s under %s: item %s failed: %s\n", task.entry->name, label_.c_str(),
                   item.id.c_str(), e.what());
    };
    if (!run_task(*task.entry, task.items, model, o_.runner, log, cost, {progress, failed, &interrupted}))
      return false;
    n_failed_ += static_cast<size_t>(cost.n_failed);
    log.finish();
    add_results(task, log.rows(), cost);
    save(task);
  }
  return true;
}

void MethodRun::add_results(const LoadedEval& loaded, const std::vector<EvalJson>& rows,
                            const EvalCost& cost) {
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
  Json& entry_of = results_["rouse"]["tasks"][task.name];
  const bool again = cost.n_item == 0 && entry_of.contains("cost");  // failed once more: the cost stays
  entry_of = {{"groups", groups},
              {"cost", again ? entry_of["cost"] : cost_of(cost)},
              {"prompts_cut", cost.n_cut},
              {"n_failed", cost.n_failed}};
}

/// The results file first without its samples' final name, then that: a run killed in between runs the task's
/// last step again.
void MethodRun::save(const LoadedEval& task) {
  results_["config"] = {{"model", "rouse"},
                        {"model_args", model_path(o_.model)},
                        {"limit", o_.limit > 0 ? Json(o_.limit) : Json(nullptr)},
                        {"random_seed", o_.sample_seed}};
  results_["date"] = date_;
  Json& r = results_["rouse"];
  r["label"] = label_;
  r["order"] = order_;
  r["settings"] = settings_;
  r["model"] = session_.model->spec().name;
  r["device"] = session_.devices->text();
  write_whole((folder_ / cat("results_", date_, ".json")).string(),
              results_.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  const std::string samples = cat("samples_", task.entry->name);
  fs::rename(folder_ / (samples + ".jsonl"), folder_ / cat(samples, "_", date_, ".jsonl"));
}

}  // namespace rouse
