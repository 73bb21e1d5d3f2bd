#include "calibration/calibrate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "base/text.h"
#include "calibration/intensity.h"
#include "calibration/moves.h"
#include "calibration/units.h"

namespace rouse {
namespace {

constexpr int kResamples = 1000;
constexpr int kLeastHard = 20;         // below that a mean over hard tokens says nothing
constexpr size_t kLeastDocuments = 4;  // two halves with two each: one alone cannot be resampled

/// The whole run: units in a fixed order.
class Calibration {
 public:
  Calibration(Engine& engine, std::vector<Document> documents, const CalibrateOptions& o,
              const Json& provenance)
      : engine_(engine),
        documents_(std::move(documents)),
        o_(o),
        plan_(Plan::empty(engine.spec().router, engine.spec().arch, engine.spec().n_layer)) {
    plan_.fingerprint = engine.file().fingerprint();
    plan_.options = provenance;
    layers_ = layers_to_measure(o_.layers, plan_.layers);
    if (!o_.probe.budget.empty()) plan_.budget = o_.probe.budget;
    o_.probe.log_odds = o_.intensity == Intensity::log_odds;
    if (o_.intensity == Intensity::paper) o_.strata.nu = 0;
    check_text();
    check_drop();
    probe_.emplace(engine, o_.probe);
  }

  Json header() const {
    return {{"format", "rouse-calibration"},
            {"version", 1},
            {"fingerprint", plan_.fingerprint},
            {"documents", documents_hash(documents_)},
            {"options", plan_.options}};
  }

  std::optional<Plan> run(Units& units) {
    units_ = &units;
    units.expect(documents_.size() * (1 + 2 * layers_.size()));
    if (!measure_losses() || !measure_intensity()) return std::nullopt;
    shrink();
    if (!move_experts() || !measure_impact()) return std::nullopt;
    return plan_;
  }

 private:
  /// Refuses a text that cannot carry what is asked, before anything runs.
  void check_text() const {
    const auto n = documents_.size();
    const std::string given = cat(": the text gives ", n, n == 1 ? " document" : " documents");
    require_option(!o_.certify || n >= kLeastDocuments, "certify", given,
                   ", evidence for moving experts needs ", kLeastDocuments,
                   ": half are held out, the others resampled. Give more text or score more tokens");
    require_option(
        !o_.shrinks() || n >= 2, "shrink", given,
        ", but only between documents it shows how sure R is. Give more text or score more tokens");
  }
  void check_drop() const {
    for (const int layer : layers_)
      require_option(!o_.probe.drop || plan_.budget[index(layer)] > 1, "ablate", ": block ", layer,
                     " runs one expert; dropping it leaves none");
  }

  bool measure_losses() {
    auto losses = rouse::measure_losses(*units_, *probe_, documents_);
    if (!losses) return false;
    losses_ = std::move(*losses);
    strata_ = strata_of(documents_, losses_, o_.strata);
    plan_.n_scored = strata_.n_scored, plan_.n_hard = strata_.n_hard, plan_.n_easy = strata_.n_easy;
    const bool as_paper = o_.intensity == Intensity::paper && !o_.certify;
    const int least = as_paper ? 1 : kLeastHard;
    const bool enough = plan_.n_hard >= least && plan_.n_easy >= 1;
    if (!enough) units_->remove_state();  // no command could go on with it
    require_usage(enough, "of ", plan_.n_scored, " scored tokens ", plan_.n_hard, " are hard and ",
                  plan_.n_easy, " easy, needed are ", least, " hard ones and one easy",
                  "; score more tokens or move the percentiles");
    return true;
  }

  /// Runs `work` for every (document, layer) whose unit is not finished, keeping each document's pass only if
  /// something of it is left to do. done(d, layer, result) sees every unit in order.
  template <class Work, class Done>
  bool each(const char* kind, const std::vector<std::vector<int>>& tokens, const std::vector<int>& layers,
            Work work, Done done) {
    for (size_t d = 0; d < documents_.size(); ++d) {
      bool kept = false;
      for (const int layer : layers) {
        if (tokens[d].empty()) continue;
        const Json* result = units_->unit(cat(kind, ":", d, ":", layer), [&] {
          if (!kept) probe_->keep(documents_[d], tokens[d]);
          kept = true;
          return work(layer, tokens[d]);
        });
        if (!result) return false;
        done(d, layer, *result);
      }
      probe_->release();
    }
    return true;
  }

  bool measure_intensity() {
    std::map<int, std::vector<DocumentChanges>> changes;
    for (const int layer : layers_) changes[layer].resize(documents_.size());
    const bool whole = each(
        "intensity", strata_.either, layers_,
        [&](int layer, const std::vector<int>&) { return Json(probe_->perturb(layer)); },
        [&](size_t d, int layer, const Json& result) {
          const std::vector<int>& tokens = strata_.either[d];
          const auto values = unit_numbers(result, tokens.size(), cat("intensity:", d, ":", layer));
          DocumentChanges& of = changes[layer][d];
          for (size_t i = 0; i < values.size(); ++i)
            (strata_.is_hard(d, tokens[i]) ? of.hard : of.easy).push_back(values[i]);
        });
    if (!whole) return false;
    for (const auto& [layer, documents] : changes) {
      const size_t l = index(layer);
      const LayerIntensity r = intensity_of(documents, o_.probe.seed, static_cast<uint64_t>(layer));
      plan_.hard[l] = r.hard, plan_.easy[l] = r.easy;
      plan_.intensity[l] = r.ratio, plan_.intensity_ci[l] = {r.low, r.high};
      plan_.error[l] = r.error;
    }
    return true;
  }

  void shrink() {
    if (o_.shrinks()) plan_.shrunk = shrunk_intensity(plan_.intensity, plan_.error);
  }

  /// Budgets: by evidence, or in proportion to R.
  bool move_experts() {
    const bool whole = layers_.size() == plan_.layers.size();  // else R does not tell all layers' shares
    const int k_max = engine_.spec().router.n_selectable();
    std::vector<int> proposed;
    if (whole)
      proposed =
          plan_budget(plan_.shares(), std::accumulate(plan_.budget.begin(), plan_.budget.end(), 0), k_max);
    if (!o_.certify) {
      if (whole) plan_.budget = proposed;
      return true;
    }
    Moves moves(
        {engine_, *probe_, *units_, documents_, losses_, strata_, layers_, plan_.budget, o_.probe.seed});
    const auto evidence = moves.run();
    if (!evidence) return false;
    plan_.budget = moves.budget();
    plan_.evidence = *evidence;
    plan_.evidence->proposed = proposed;
    return true;
  }

  bool measure_impact() {
    std::vector<int> layers = layers_;
    if (o_.only_intensive) {
      double sum = 0;
      for (const int layer : layers_) sum += plan_.intensity[index(layer)];
      std::erase_if(layers, [&](int layer) {
        return plan_.intensity[index(layer)] <= sum / static_cast<double>(layers_.size());
      });
    }
    const auto n_expert = static_cast<size_t>(plan_.n_expert);
    std::map<int, std::vector<std::vector<double>>> changes;  // layer -> [expert] -> one a sample
    std::map<int, std::vector<double>> gates;
    const auto work = [&](int layer, const std::vector<int>& tokens) {
      Json ablations = Json::array();
      for (const Ablation& a : probe_->ablate(layer, tokens)) ablations.push_back({a.expert, a.change});
      std::vector<double> sum(n_expert, 0.0);
      for (const int token : tokens) {
        const auto g = probe_->gates(layer, token);
        for (size_t e = 0; e < n_expert; ++e) sum[e] += g[e];
      }
      return Json{{"ablations", ablations}, {"gates", sum}};
    };
    const auto done = [&](size_t d, int layer, const Json& result) {
      const JsonValue value = unit_value(result, cat("impact:", d, ":", layer));
      changes[layer].resize(n_expert);
      gates[layer].resize(n_expert);
      for (const JsonValue& a : value.at("ablations").list(0, strata_.hard[d].size() * n_expert)) {
        const auto expert = static_cast<size_t>(a.list(2, 2)[0].integer(0, plan_.n_expert - 1));
        changes[layer][expert].push_back(a[1].real(-kMostNats, kMostNats));
      }
      const auto sum = value.at("gates").reals(n_expert, n_expert, -kMostNats, kMostNats);
      for (size_t e = 0; e < n_expert; ++e) gates[layer][e] += sum[e];
    };
    if (!each("impact", strata_.hard, layers, work, done)) return false;
    for (const auto& [layer, experts] : changes)
      for (size_t e = 0; e < n_expert; ++e) {
        const size_t l = index(layer);
        const std::vector<double>& change = experts[e];
        plan_.gate[l][e] = gates[layer][e] / plan_.n_hard;
        plan_.samples[l][e] = static_cast<int>(change.size());
        if (change.empty()) continue;
        plan_.impact[l][e] = mean(change);
        const uint64_t stream = static_cast<uint64_t>(layer) * 65536 + e + 4096;
        const Interval i = bootstrap_interval(o_.probe.seed, stream, kResamples,
                                              [&](Random& random) { return mean(resample(change, random)); });
        plan_.impact_ci[l][e] = {i.low, i.high};
      }
    return true;
  }

  size_t index(int layer) const { return layer_index(plan_.layers, layer); }

  Engine& engine_;
  std::vector<Document> documents_;
  CalibrateOptions o_;
  Plan plan_;
  std::optional<Probe> probe_;
  Units* units_ = nullptr;
  std::vector<int> layers_;
  std::vector<std::vector<double>> losses_;
  Strata strata_;
};

}  // namespace

std::optional<Plan> calibrate(Engine& engine, std::vector<Document> documents,
                              const CalibrateOptions& options, const Json& provenance,
                              const std::string& state_path, const std::function<void(double)>& progress,
                              const std::atomic<bool>* interrupted) {
  Calibration calibration(engine, std::move(documents), options,
                          provenance);  // refuses before a state is made
  Units units(WorkState(state_path, calibration.header(), options.restart), progress, interrupted);
  return calibration.run(units);
}

}  // namespace rouse
