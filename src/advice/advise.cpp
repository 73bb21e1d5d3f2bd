#include "advice/advise.h"

#include <algorithm>
#include <filesystem>

#include "advice/published_gains.h"
#include "advice/task_trial.h"
#include "advice/text_evidence.h"
#include "advice/text_trial.h"
#include "advice/verdict.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/installation.h"
#include "base/lock.h"
#include "base/quoting.h"
#include "base/random.h"
#include "base/text.h"
#include "calibration/full_passes.h"
#include "eval/data.h"
#include "model/describe.h"
#include "report/latency.h"
#include "session/variant.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

class Advising {
 public:
  Advising(AdviseOptions o, const AdviseEvents& events) : o_(std::move(o)), events_(events) {}

  Json run() {
    const double begin = now_seconds();
    look_at_file();
    choose_inputs();
    std::optional<Lock> lock;
    if (!o_.reckon_only) {
      fs::create_directories(o_.output);
      lock.emplace(o_.output);
    }
    if (!try_on_text() || !try_tasks()) return nullptr;
    if (o_.reckon_only) return json_;
    conclude();
    json_["seconds"] = now_seconds() - begin;
    write_whole(at("advice.json"), json_.dump(2) + "\n");
    return json_;
  }

 private:
  std::string at(const std::string& name) const { return (fs::path(o_.output) / name).string(); }

  void look_at_file() {
    const GgufFile file(model_path(o_.model));
    Description d = describe(file);
    require_usage(
        d.json["supported"].get<bool>(), file.path(), ": ",
        d.json["rouse_cannot"].empty() ? "cannot be run" : d.json["rouse_cannot"][0].get<std::string>());
    if (!d.spec) d.spec = read_spec(file);
    require_usage(d.spec->router.moe(), file.path(),
                  ": a dense model has one route only, nothing to advise on");
    router_ = d.spec->router;
    arch_ = d.json["arch"];
    fingerprint_ = d.json["fingerprint"];
    d.json["bandwidth"] = memory_bandwidth(Devices(o_.model.n_thread).n_thread(), size_t{128} << 20);
    json_ = {{"format", "rouse-advice"}, {"version", 1}, {"model", d.json}};
    if (events_.file) events_.file(json_["model"]);
    const int k = router_.n_expert_used;
    if (k > 1) routings_.push_back(cat("topk:", k - 1));
    if (k < router_.n_selectable()) routings_.push_back(cat("topk:", k + 1));
  }

  void choose_inputs() {
    if (o_.texts.empty()) {
      o_.texts = {advice_text_file(o_.model)};
      require_usage(!o_.texts[0].empty(), "no text was given, and the one that comes with rouse is not here");
    }
    if (o_.tasks.empty()) o_.tasks = advice_tasks(o_.model);
    if (o_.tasks == std::vector<std::string>{"none"}) o_.tasks.clear();
    for (const std::string& name : named_tasks(o_.tasks)) (void)task_entry(name);
    std::string identity = cat(fingerprint_, '\n', o_.seed, '\n', o_.n_token, '\n', o_.budget_seconds, '\n',
                               join(o_.tasks, ","), '\n', o_.model.kv_type, '\n', o_.model.engine);
    Json texts = Json::array();
    for (const std::string& path : o_.texts) {
      texts.push_back(fs::path(path).filename().string());
      identity += cat('\n', hex64(hash_text(file_text(path, "text"))));
    }
    identity_ = hex64(hash_text(identity));
    json_["options"] = {{"text", texts},
                        {"tasks", o_.tasks},
                        {"budget_seconds", o_.budget_seconds},
                        {"seed", o_.seed},
                        {"document_tokens", o_.n_token},
                        {"kv_type", o_.model.kv_type}};
  }

  /// Half of the documents are learned from, the other half judged on.
  void read_text(const Tokenizer& tokenizer) {
    std::vector<Document> documents = read_corpus(o_.texts, tokenizer, o_.n_token);
    choose_scored(documents, 0, o_.seed);
    Random random(o_.seed, 5, 0);
    shuffle(documents, random);
    const size_t half = documents.size() / 2;
    require_usage(half >= kLeastDocuments, join(o_.texts, ", "), ": gives ", documents.size(),
                  " documents of at most ", o_.n_token, " tokens, needed are ", 2 * kLeastDocuments,
                  ": half to learn from, half to judge on");
    learn_.assign(documents.begin(), documents.begin() + static_cast<std::ptrdiff_t>(half));
    judge_.assign(documents.begin() + static_cast<std::ptrdiff_t>(half), documents.end());
  }

  /// From the folder, where this trial was begun before, so that it goes on as it began.
  void reckon_or_read(const Session& session) {
    const std::string path = at("reckoning.json");
    if (fs::exists(path) && !o_.reckon_only) {
      const Json json = read_json(path);
      const JsonValue value(json, path);
      const bool same = value.at("identity").text() == identity_;
      if (same) reckoning_ = read_reckoning(value.at("reckoning"));
      if (same) return;
      require_of(o_.force, ErrorKind::usage, "force", path,
                 ": a trial of another model, text or options is there; choose another folder");
      for (const char* name : {"plan.cor.json", "headroom.json", "speed.json", "items.json", "trial.state",
                               "plan.cor.json.state", "headroom.json.state", "advice.json", "tasks", "pilot"})
        fs::remove_all(at(name));
    }
    const double step = step_seconds(session);
    const double n_routing = static_cast<double>(routings_.size());
    reckoning_ = reckon({.learn = learn_,
                         .judge = judge_,
                         .router = router_,
                         .entry = session.engine->abilities().entry,
                         .row_seconds = seconds_a_row(*session.engine, learn_),
                         .step_seconds = step,
                         .budget_seconds = o_.budget_seconds,
                         .with_tasks = !o_.tasks.empty(),
                         .judge_passes = 4 + n_routing,  // greedy, the plan, SCMoE's two streams
                         .learn_passes = 2.0 * std::size(kTriedBetas)});
    if (!o_.reckon_only)
      write_whole(path,
                  Json{{"identity", identity_}, {"reckoning", reckoning_json(reckoning_)}}.dump(2) + "\n");
  }

  double step_seconds(const Session& session) const {
    double best = INFINITY;
    for (int repeat = 0; repeat < 2; ++repeat) {
      GenerateOptions options;
      options.n_predict = 8, options.ignore_eos = true;
      auto g = session.start({}, speed_prompt(judge_), options);
      Generation* one = g.get();
      run_generations(session.engines(), {&one, 1}, events_.stop);
      best = std::min(best, g->step().seconds / static_cast<double>(std::max<int64_t>(1, g->step().tokens)));
    }
    return best;
  }

  bool try_on_text() {
    ModelOptions model = o_.model;
    model.n_ctx = std::max(probe_cells(o_.n_token), kSpeedPrompt + kSpeedTokens + 8);
    std::vector<MethodOptions> methods{{}, parse_variant("scmoe")};
    for (const std::string& routing : routings_) methods.push_back(parse_variant(routing));
    const Session session(model, methods, static_cast<int>(TextTrial::kGroup));
    read_text(*session.tokenizer);
    reckon_or_read(session);
    json_["reckoning"] = reckoning_json(reckoning_);
    if (events_.reckoned) events_.reckoned(reckoning_);
    if (o_.reckon_only) return true;
    auto part = gather_text_evidence(
        {session, learn_, judge_, reckoning_, routings_, o_.output, identity_, o_.n_token, o_.seed}, events_);
    if (!part) return false;
    text_ = std::move(*part);
    json_.update(text_.json);
    return true;
  }

  bool try_tasks() {
    if (o_.tasks.empty() || o_.reckon_only) return true;
    TaskTrial trial{.model = o_.model,
                    .tasks = o_.tasks,
                    .methods = {"greedy"},
                    .data = o_.data,
                    .folder = o_.output,
                    .seconds = reckoning_.task_seconds,
                    .seed = o_.seed};
    for (const std::string& routing : routings_) trial.methods.push_back(routing);
    if (text_.planned) trial.methods.push_back(plan_variant(o_.output));
    std::vector<std::string> betas;
    for (const double beta : kTriedBetas) betas.push_back(number_text(beta));
    trial.methods.push_back(cat("scmoe beta=", join(betas, "|")));
    const std::string path = at("items.json");
    EvalEvents events;
    events.note = events_.note, events.stop = events_.stop;
    if (!fs::exists(path)) {
      events_.begin("tasks");
      const int n_item = items_within(trial, events);
      if (events_.stopped()) return false;
      write_whole(path, Json{{"items", n_item}}.dump() + "\n");
    }
    const Json json = read_json(path);
    const auto n_item = static_cast<int>(JsonValue(json, path).at("items").integer(0, 1 << 30));
    json_["items"] = n_item;
    if (n_item < kLeastItems) {
      events_.tell(cat(join(o_.tasks, ", "), ": left out: ", n_item,
                       " items of each fit the time, needed are ", kLeastItems, "; give more --budget"));
      return true;
    }
    events_.begin("tasks");
    // Work of each method over each task counts the same.
    const double n_run = static_cast<double>(trial.methods.size() * o_.tasks.size());
    std::string at_hand;
    double n_before = -1;
    events.progress = [&](const std::string& label, const TaskEntry& task, double done, double) {
      if (const std::string name = label + task.name; name != at_hand) at_hand = name, ++n_before;
      if (events_.progress) events_.progress(std::min(1.0, (n_before + done) / (n_run + 2)));
    };
    const auto rows = run_task_trial(trial, n_item, events);
    if (!rows) return false;
    for (Measured row : *rows) {
      if (row.method == plan_variant(o_.output)) row.method = "plan";
      if (row.method.starts_with("scmoe")) row.method = "scmoe";
      text_.measured.push_back(row);
    }
    return true;
  }

  void conclude() {
    judge(text_.measured);
    json_["measured"] = Json::array();
    for (const Measured& row : text_.measured) json_["measured"].push_back(measured_json(row));
    json_["verdicts"] = Json::array();
    for (const MethodVerdict& v : method_verdicts(text_.measured)) {
      Json row{{"method", v.method}, {"verdict", verdict_text(v.verdict)}, {"text", v.text}};
      if (const auto found = text_.evaluations.find(v.method); found != text_.evaluations.end())
        row["expert_evaluations_ratio"] = found->second;
      if (text_.speeds.contains(v.method)) row.update(text_.speeds[v.method]);
      json_["verdicts"].push_back(row);
    }
    json_["published"] = Json::array();
    for (const PublishedGain& g : published_gains_of(arch_, router_))
      json_["published"].push_back({{"model", g.model},
                                    {"method", g.method},
                                    {"on", g.on},
                                    {"before", g.before},
                                    {"after", g.after},
                                    {"source", g.source}});
    json_["next"] = next_commands();
  }

  /// What helps, as one types it; else what would give more evidence.
  Json next_commands() const {
    const std::string model = o_.model.model.empty() ? "" : cat(" -m ", shell_quoted(o_.model.model));
    Json out = Json::array();
    for (const Json& v : json_["verdicts"]) {
      if (v["verdict"] != "helps") continue;
      const std::string method = v["method"];
      const std::string how =
          method == "scmoe"
              ? " --method scmoe"
              : cat(" --routing ", shell_quoted(method == "plan" ? plan_variant(o_.output) : method));
      out.push_back(cat("rouse run", model, how, " -p '...'"));
    }
    if (out.empty()) out.push_back(cat("rouse run", model, " -p '...'"));
    if (json_.contains("plan")) out.push_back(cat("rouse plan evidence ", shell_quoted(at("plan.cor.json"))));
    out.push_back(cat("rouse advise", model, " --text YOURS.jsonl --tasks gsm8k --data DIR --budget 2h -o ",
                      shell_quoted(o_.output + "-2h")));
    return out;
  }

  AdviseOptions o_;
  const AdviseEvents& events_;
  Json json_;
  RouterSpec router_;
  std::string arch_, fingerprint_, identity_;
  std::vector<std::string> routings_;
  std::vector<Document> learn_, judge_;
  Reckoning reckoning_;
  TextEvidence text_;
};

}  // namespace

std::string advice_text_file(const ModelOptions& model) {
  const std::string own = own_sets(model_path(model));
  const std::string text = own.empty() ? "" : (fs::path(own) / "lab_text.jsonl").string();
  return !text.empty() && fs::exists(text)
             ? text
             : installed_file({"models/text/open_text.jsonl", "share/rouse/text/open_text.jsonl"});
}

std::vector<std::string> advice_tasks(const ModelOptions& model) {
  std::vector<std::string> out;
  if (!own_sets(model_path(model)).empty()) out.emplace_back("lab_facts");
  if (!find_task(task_entry("lab_arithmetic"), data_folders("", model.model)).empty())
    out.emplace_back("lab_arithmetic");
  return out;
}

Json advise(AdviseOptions options, const AdviseEvents& events) {
  return Advising(std::move(options), events).run();
}

}  // namespace rouse
