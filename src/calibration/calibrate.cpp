#include "calibration/calibrate.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "base/text.h"
#include "calibration/state.h"

namespace rouse {
namespace {

constexpr double kEpsilon = 1e-8;  // of R_l
constexpr int kResamples = 1000;
constexpr double kMost = 1e30;  // of a change of nats, whatever a state file says

double intensity(const std::vector<double>& hard, const std::vector<double>& easy) {
  return mean(hard) / (mean(easy) + kEpsilon);
}

/// The whole run: units in a fixed order, each found in the state or done and added to it.
class Calibration {
 public:
  Calibration(Engine& engine, std::vector<Document> documents, const CalibrateOptions& o,
              const Json& provenance, const std::string& state_path)
      : engine_(engine),
        documents_(std::move(documents)),
        o_(o),
        plan_(Plan::empty(engine.model().spec().router, engine.model().spec().arch,
                          engine.model().spec().n_layer)),
        probe_(engine, o.probe) {
    plan_.fingerprint = engine.model().file().fingerprint();
    plan_.options = provenance;
    for (const int layer : o_.layers)
      require_option(std::count(plan_.layers.begin(), plan_.layers.end(), layer) == 1, "layers", ": block ",
                     layer, " is not an MoE layer of this model");
    layers_ = o_.layers.empty() ? plan_.layers : o_.layers;
    std::sort(layers_.begin(), layers_.end());
    layers_.erase(std::unique(layers_.begin(), layers_.end()), layers_.end());
    state_.emplace(state_path, header(provenance),
                   o_.restart);  // last: what is refused leaves nothing behind
  }

  std::optional<Plan> run(const std::function<void(double)>& progress, const std::atomic<bool>* interrupted) {
    progress_ = progress;
    interrupted_ = interrupted;
    n_unit_ = documents_.size() * (1 + 2 * layers_.size());
    if (!measure_losses() || !measure_intensity() || !measure_impact()) return std::nullopt;
    finish();
    return plan_;
  }

 private:
  Json header(const Json& provenance) const {
    std::string text;
    for (const Document& d : documents_) {
      for (const int t : d.tokens) text += cat(t, ",");
      for (const int t : d.scored) text += cat(t, ";");
    }
    return {{"format", "rouse-calibration"},
            {"version", 1},
            {"fingerprint", plan_.fingerprint},
            {"documents", hash_text(text)},
            {"options", provenance}};
  }

  /// The unit's result, from the state or by doing it; null when interrupted.
  template <class Work>
  const Json* unit(const std::string& name, Work work) {
    const Json* done = state_->find(name);
    if (!done) {
      if (interrupted_ && *interrupted_) return nullptr;
      try {
        state_->add(name, work());
      } catch (const Error& e) {
        throw e.within(cat("calibration unit ", name));
      }
      done = state_->find(name);
    }
    if (progress_) progress_(static_cast<double>(++n_done_) / static_cast<double>(n_unit_));
    return done;
  }

  bool measure_losses() {
    for (size_t d = 0; d < documents_.size(); ++d) {
      const Json* result =
          unit(cat("loss:", d), [&] { return Json(probe_.losses(documents_[d], documents_[d].scored)); });
      if (!result) return false;
      losses_.push_back(numbers(*result, documents_[d].scored.size(), cat("loss:", d)));
    }
    std::vector<double> all;
    for (const auto& some : losses_) all.insert(all.end(), some.begin(), some.end());
    std::sort(all.begin(), all.end());
    const double above = quantile(all, o_.hard / 100), below = quantile(all, o_.easy / 100);
    hard_.resize(documents_.size());
    either_.resize(documents_.size());
    for (size_t d = 0; d < documents_.size(); ++d)
      for (size_t i = 0; i < losses_[d].size(); ++i) {
        const double x = losses_[d][i];
        const int t = documents_[d].scored[i];
        if (x > above) hard_[d].push_back(t);
        if (x > above || x < below) either_[d].push_back(t);
        plan_.n_hard += x > above;
        plan_.n_easy += x < below;
      }
    plan_.n_scored = static_cast<int>(all.size());
    if (plan_.n_hard == 0 || plan_.n_easy == 0) state_->remove();  // no command could go on with it
    require_usage(plan_.n_hard > 0 && plan_.n_easy > 0, "of ", all.size(), " scored tokens ", plan_.n_hard,
                  " are hard and ", plan_.n_easy, " easy; score more tokens or move the percentiles");
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
        const Json* result = unit(cat(kind, ":", d, ":", layer), [&] {
          if (!kept) probe_.keep(documents_[d], tokens[d]);
          kept = true;
          return work(layer, tokens[d]);
        });
        if (!result) return false;
        done(d, layer, *result);
      }
      probe_.release();
    }
    return true;
  }

  bool measure_intensity() {
    std::map<int, std::pair<std::vector<double>, std::vector<double>>> change;  // layer -> hard, easy
    const bool whole = each(
        "intensity", either_, layers_,
        [&](int layer, const std::vector<int>&) { return Json(probe_.perturb(layer)); },
        [&](size_t d, int layer, const Json& result) {
          const auto values = numbers(result, either_[d].size(), cat("intensity:", d, ":", layer));
          for (size_t i = 0; i < values.size(); ++i) {
            const bool hard = std::binary_search(hard_[d].begin(), hard_[d].end(), either_[d][i]);
            (hard ? change[layer].first : change[layer].second).push_back(values[i]);
          }
        });
    if (!whole) return false;
    for (const auto& [layer, both] : change) {
      const size_t l = index(layer);
      const std::vector<double>&hard = both.first, &easy = both.second;
      plan_.hard[l] = mean(hard);
      plan_.easy[l] = mean(easy);
      plan_.intensity[l] = intensity(hard, easy);
      plan_.intensity_ci[l] = interval(static_cast<uint64_t>(layer), [&](Random& random) {
        const auto h = resample(hard, random);
        return intensity(h, resample(easy, random));
      });
    }
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
      n_unit_ -= documents_.size() * (layers_.size() - layers.size());
    }
    const auto n_expert = static_cast<size_t>(plan_.n_expert);
    std::map<int, std::vector<std::vector<double>>> changes;  // layer -> [expert] -> one a sample
    std::map<int, std::vector<double>> gates;
    const auto work = [&](int layer, const std::vector<int>& tokens) {
      Json ablations = Json::array();
      for (const Ablation& a : probe_.ablate(layer, tokens)) ablations.push_back({a.expert, a.change});
      std::vector<double> sum(n_expert, 0.0);
      for (const int token : tokens) {
        const auto g = probe_.gates(layer, token);
        for (size_t e = 0; e < n_expert; ++e) sum[e] += g[e];
      }
      return Json{{"ablations", ablations}, {"gates", sum}};
    };
    const auto done = [&](size_t d, int layer, const Json& result) {
      const JsonValue value = unit_value(result, cat("impact:", d, ":", layer));
      changes[layer].resize(n_expert);
      gates[layer].resize(n_expert);
      for (const JsonValue& a : value.at("ablations").list(0, hard_[d].size() * n_expert)) {
        const auto expert = static_cast<size_t>(a.list(2, 2)[0].integer(0, plan_.n_expert - 1));
        changes[layer][expert].push_back(a[1].real(-kMost, kMost));
      }
      const auto sum = value.at("gates").reals(n_expert, n_expert, -kMost, kMost);
      for (size_t e = 0; e < n_expert; ++e) gates[layer][e] += sum[e];
    };
    if (!each("impact", hard_, layers, work, done)) return false;
    for (const auto& [layer, experts] : changes)
      for (size_t e = 0; e < n_expert; ++e) {
        const size_t l = index(layer);
        const std::vector<double>& change = experts[e];
        plan_.gate[l][e] = gates[layer][e] / plan_.n_hard;
        plan_.samples[l][e] = static_cast<int>(change.size());
        if (change.empty()) continue;
        plan_.impact[l][e] = mean(change);
        plan_.impact_ci[l][e] = interval(static_cast<uint64_t>(layer) * 65536 + e + 4096,
                                         [&](Random& random) { return mean(resample(change, random)); });
      }
    return true;
  }

  void finish() {
    const bool whole = layers_.size() == plan_.layers.size();  // else budgets stay uniform
    if (whole)
      plan_.budget = plan_budget(plan_.intensity, plan_.k * static_cast<int>(plan_.layers.size()),
                                 engine_.model().spec().router.n_selectable());
  }

  std::pair<double, double> interval(uint64_t stream, const std::function<double(Random&)>& draw) const {
    const Interval i = bootstrap_interval(o_.probe.seed, stream, kResamples, draw);
    return {i.low, i.high};
  }
  size_t index(int layer) const { return layer_index(plan_.layers, layer); }
  /// What a state file holds, which is input too.
  static JsonValue unit_value(const Json& result, const std::string& unit) {
    return {result, cat("the state's unit ", unit), ErrorKind::bad_file};
  }
  static std::vector<double> numbers(const Json& result, size_t n, const std::string& unit) {
    return unit_value(result, unit).reals(n, n, -kMost, kMost);
  }

  Engine& engine_;
  std::vector<Document> documents_;
  CalibrateOptions o_;
  Plan plan_;
  Probe probe_;
  std::optional<WorkState> state_;
  std::vector<int> layers_;
  std::vector<std::vector<double>> losses_;
  std::vector<std::vector<int>> hard_, either_;  ///< [document]: positions
  std::function<void(double)> progress_;
  const std::atomic<bool>* interrupted_ = nullptr;
  size_t n_unit_ = 0, n_done_ = 0;
};

}  // namespace

int calibration_cells(const CalibrateOptions& options) {
  return 2 * options.n_token + Probe::kRows + kKvWindow;
}

std::optional<Plan> calibrate(Engine& engine, std::vector<Document> documents,
                              const CalibrateOptions& options, const Json& provenance,
                              const std::string& state_path, const std::function<void(double)>& progress,
                              const std::atomic<bool>* interrupted) {
  return Calibration(engine, std::move(documents), options, provenance, state_path)
      .run(progress, interrupted);
}

}  // namespace rouse
