#include "advice/text_evidence.h"

#include <algorithm>
#include <filesystem>

#include "advice/text_trial.h"
#include "base/files.h"
#include "base/quoting.h"
#include "base/text.h"
#include "calibration/calibrate.h"
#include "calibration/headroom.h"
#include "report/comparison.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

class TextEvidenceRun {
 public:
  TextEvidenceRun(const TextEvidenceInput& input, const AdviseEvents& events)
      : in_(input), events_(events), plan_(plan_variant(input.folder)) {}

  std::optional<TextEvidence> run() {
    const bool whole = as_far_as_text_goes("plan", [&] { return make_plan(); }) && score_text() &&
                       measure_speed() && as_far_as_text_goes("headroom", [&] { return measure_headroom(); });
    if (!whole) return std::nullopt;
    return std::move(out_);
  }

 private:
  std::string at(const std::string& name) const { return (fs::path(in_.folder) / name).string(); }
  /// A text with too few hard tokens for a part leaves that out, not the rest.
  bool as_far_as_text_goes(const std::string& part, const std::function<bool()>& work) const {
    try {
      return work();
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::usage) throw;
      events_.tell(cat(part, ": left out: ", e.what()));
      return true;
    }
  }
  /// A file of the folder, made where it is not there; what was unfinished of it goes. False when stopped.
  bool made(const std::string& path, const std::string& part, const std::function<bool()>& make) const {
    if (fs::exists(path)) return true;
    events_.begin(part);
    if (!make()) return false;
    fs::remove(path + ".state");
    return true;
  }

  template <class T>
  static std::vector<T> first(const std::vector<T>& all, int n) {
    return {all.begin(), all.begin() + std::min<std::ptrdiff_t>(n, std::ssize(all))};
  }

  bool measure_headroom() {
    if (in_.reckoning.n_headroom == 0) return true;
    const std::string path = at("headroom.json");
    const bool whole = made(path, "headroom", [&] {
      HeadroomOptions options;
      options.n_scored = 0, options.n_token = in_.n_token, options.strata = kHardTokens;
      options.n_candidate = in_.reckoning.n_candidate, options.seed = in_.seed;
      const auto result =
          rouse::measure_headroom(*in_.session.engine, first(in_.learn, in_.reckoning.n_headroom), options,
                                  {{"trial", in_.identity}}, path + ".state", events_.progress, events_.stop);
      if (result) write_whole(path, headroom_json(*result).dump(2) + "\n");
      return result.has_value();
    });
    if (!whole) return false;
    out_.json["headroom"] = read_json(path);
    return true;
  }

  bool make_plan() {
    if (in_.reckoning.n_plan == 0) return true;
    const std::string path = at("plan.cor.json");
    const bool whole = made(path, "plan", [&] {
      CalibrateOptions options;
      options.n_scored = 0, options.n_token = in_.n_token, options.strata = kHardTokens;
      options.probe.seed = in_.seed;
      const auto plan = calibrate(*in_.session.engine, first(in_.learn, in_.reckoning.n_plan), options,
                                  {{"trial", in_.identity}}, path + ".state", events_.progress, events_.stop);
      if (plan) save_plan(*plan, path);
      return plan.has_value();
    });
    if (!whole) return false;
    const Plan plan = read_plan(path);
    out_.planned = true;
    out_.json["plan"] = {{"file", path}, {"verdict", plan.evidence ? plan.evidence->verdict : ""}};
    return true;
  }

  bool score_text() {
    if (in_.reckoning.n_judge == 0) return true;
    events_.begin("text");
    const auto judged = first(in_.judge, in_.reckoning.n_judge),
               learned = first(in_.learn, in_.reckoning.n_judge);
    std::vector<std::string> routings = in_.routings;
    if (out_.planned) routings.push_back(plan_);
    Units units(WorkState(at("trial.state"),
                          {{"format", "rouse-advice-state"}, {"version", 1}, {"trial", in_.identity}}),
                events_.progress, events_.stop);
    const auto groups = [](size_t n) { return (n + TextTrial::kGroup - 1) / TextTrial::kGroup; };
    units.expect(groups(judged.size()) * (2 + routings.size()) +
                 groups(learned.size()) * std::size(kTriedBetas));
    TextTrial judge(in_.session, judged, units), learn(in_.session, learned, units);
    const auto base = judge.score("greedy", "judge");
    if (!base) return false;
    const double above = base->hard_above();
    const auto add = [&](const std::string& variant, const TextScore& score, Measured row,
                         const std::string& on) {
      row.method = variant == plan_ ? "plan" : variant;
      row.on = on;
      out_.measured.push_back(row);
      out_.evaluations[row.method] = static_cast<double>(score.expert_evaluations) /
                                     static_cast<double>(std::max<int64_t>(1, base->expert_evaluations));
    };
    for (const std::string& routing : routings) {
      const auto score = judge.score(routing, "judge");
      if (!score) return false;
      add(routing, *score, change_of_loss(*base, *score, -1, in_.seed), "text, all tokens");
      add(routing, *score, change_of_loss(*base, *score, above, in_.seed), "text, hard tokens");
    }
    std::string best;
    int64_t most = -1;
    for (const double beta : kTriedBetas) {
      const std::string variant = cat("scmoe beta=", number_text(beta));
      const auto score = learn.score(variant, "learn");
      if (!score) return false;
      if (score->n_hit() > most) most = score->n_hit(), best = variant;
    }
    const auto score = judge.score(best, "judge");
    if (!score) return false;
    add("scmoe", *score, change_of_hits(*base, *score, in_.seed), "text, next token");
    out_.json["scmoe_on_text"] = best;
    return true;
  }

  /// Answers in turns: what a token of each takes, against the model as it is.
  bool measure_speed() {
    if (in_.reckoning.n_repeat == 0) return true;
    const std::string path = at("speed.json");
    const bool whole = made(path, "speed", [&] {
      Comparison c;
      c.variants = {"greedy"};
      for (const std::string& routing : in_.routings) c.variants.push_back(routing);
      c.variants.emplace_back("scmoe");
      if (out_.planned) c.variants.push_back(plan_);
      c.generate.n_predict = kSpeedTokens, c.generate.ignore_eos = true, c.n_repeat = in_.reckoning.n_repeat;
      const Json rows =
          compare_variants(in_.session, speed_prompt(in_.judge), c, {events_.progress, {}, events_.stop});
      if (events_.stopped()) return false;
      Json speeds = Json::object();
      for (size_t i = 1; i < rows.size(); ++i) {
        const std::string name = c.variants[i] == plan_ ? "plan" : c.variants[i];
        if (rows[i].contains("step_ratio_to_greedy"))
          speeds[name] = {{"step_ratio", rows[i]["step_ratio_to_greedy"]},
                          {"step_ratio_interval", rows[i]["step_ratio_to_greedy_interval"]}};
      }
      write_whole(path, speeds.dump(2) + "\n");
      return true;
    });
    if (!whole) return false;
    out_.speeds = read_json(path);
    return true;
  }

  const TextEvidenceInput& in_;
  const AdviseEvents& events_;
  std::string plan_;  ///< as a variant
  TextEvidence out_;
};

}  // namespace

std::vector<int> speed_prompt(const std::vector<Document>& documents) {
  const std::vector<int>& tokens = documents[0].tokens;
  return {tokens.begin(), tokens.begin() + std::min<std::ptrdiff_t>(kSpeedPrompt, std::ssize(tokens))};
}

std::string plan_variant(const std::string& folder) {
  return "plan:" + quote((fs::path(folder) / "plan.cor.json").string());
}

std::optional<TextEvidence> gather_text_evidence(const TextEvidenceInput& input, const AdviseEvents& events) {
  return TextEvidenceRun(input, events).run();
}

}  // namespace rouse
