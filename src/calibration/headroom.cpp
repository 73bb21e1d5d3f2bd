#include "calibration/headroom.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/text.h"
#include "calibration/units.h"

namespace rouse {
namespace {

constexpr int kLeastHard = 20;
constexpr size_t kLeastDocuments = 4;

class Measuring {
 public:
  Measuring(Engine& engine, const std::vector<Document>& documents, const HeadroomOptions& o)
      : documents_(documents),
        o_(o),
        router_(engine.spec().router),
        probe_(engine, {.seed = o.seed, .naive = o.naive}),
        layers_(layers_to_measure(o.layers, router_.layers)) {
    require_usage(
        documents.size() >= kLeastDocuments, "the text gives ", documents.size(),
        documents.size() == 1 ? " document" : " documents", ", headroom needs ", kLeastDocuments,
        ": what is learned on half of them is tried on the others. Give more text or score more tokens");
    require_usage(router_.n_expert_used < router_.n_selectable(),
                  "this model runs all of its experts: there is no other route");
  }

  std::optional<Headroom> run(Units& units) {
    units_ = &units;
    units.expect(documents_.size() * (1 + layers_.size()));
    if (!measure_losses()) return std::nullopt;
    swaps_.resize(layers_.size());
    std::vector<int> document;
    std::vector<double> losses;
    for (size_t d = 0; d < documents_.size(); ++d) {
      if (!measure_swaps(d)) return std::nullopt;
      for (size_t i = 0; i < documents_[d].scored.size(); ++i)
        if (strata_.is_hard(d, documents_[d].scored[i])) {
          document.push_back(static_cast<int>(d));
          losses.push_back(losses_[d][i]);
        }
    }
    Headroom h = weigh_headroom(layers_, swaps_, losses, document, o_.seed);
    h.n_document = static_cast<int>(documents_.size());
    h.n_scored = strata_.n_scored;
    return h;
  }

 private:
  bool measure_losses() {
    auto losses = rouse::measure_losses(*units_, probe_, documents_);
    if (!losses) return false;
    losses_ = std::move(*losses);
    strata_ = strata_of(documents_, losses_, o_.strata);
    if (strata_.n_hard < kLeastHard) units_->remove_state();  // no command could go on with it
    require_usage(strata_.n_hard >= kLeastHard, "of ", strata_.n_scored, " scored tokens ", strata_.n_hard,
                  " are hard, needed are ", kLeastHard, "; score more tokens or move the percentiles");
    return true;
  }

  /// Unchosen experts of a token's row, the best by gate first.
  std::vector<int> candidates(int layer, int token, const std::vector<float>& gates) const {
    const std::vector<int>& chosen = probe_.experts(layer, token);
    std::vector<int> out;
    for (int e = 0; e < router_.n_expert; ++e)
      if (std::find(chosen.begin(), chosen.end(), e) == chosen.end()) out.push_back(e);
    std::stable_sort(out.begin(), out.end(), [&](int a, int b) {
      return gates[static_cast<size_t>(a)] > gates[static_cast<size_t>(b)];
    });
    if (o_.n_candidate > 0) out.resize(std::min(out.size(), static_cast<size_t>(o_.n_candidate)));
    return out;
  }

  /// The unit "swap:document:layer": for each hard token [[expert, gain, gap]...].
  Json swap_all(size_t d, int layer) {
    const std::vector<int>& tokens = strata_.hard[d];
    std::vector<Counterfactual> rows;
    std::vector<Swap> swaps;
    std::vector<size_t> of;
    for (size_t i = 0; i < tokens.size(); ++i) {
      const std::vector<float> gates = probe_.gates(layer, tokens[i]);
      const auto last = static_cast<size_t>(probe_.experts(layer, tokens[i]).back());
      for (const int e : candidates(layer, tokens[i], gates)) {
        rows.push_back({tokens[i], e, Treatment::force});
        swaps.push_back(
            {e, 0, static_cast<double>(gates[last]) - static_cast<double>(gates[static_cast<size_t>(e)])});
        of.push_back(i);
      }
    }
    const std::vector<double> after = probe_.intervene(layer, rows);
    Json out(std::vector<Json>(tokens.size(), Json::array()));
    for (size_t i = 0; i < rows.size(); ++i)
      out[of[i]].push_back({swaps[i].expert, probe_.kept_losses()[of[i]] - after[i], swaps[i].gap});
    return out;
  }

  bool measure_swaps(size_t d) {
    const std::vector<int>& tokens = strata_.hard[d];
    bool kept = false;
    for (size_t l = 0; l < layers_.size(); ++l) {
      const std::string name = cat("swap:", d, ":", layers_[l]);
      const Json* result = units_->unit(name, [&]() -> Json {
        if (tokens.empty()) return Json::array();
        if (!kept) probe_.keep(documents_[d], tokens);
        kept = true;
        return swap_all(d, layers_[l]);
      });
      if (!result) return false;
      for (const JsonValue& token : unit_value(*result, name).list(tokens.size(), tokens.size())) {
        std::vector<Swap>& swaps = swaps_[l].emplace_back();
        for (const JsonValue& s : token.list(0, static_cast<size_t>(router_.n_expert))) {
          const auto expert = static_cast<int>(s.list(3, 3)[0].integer(0, router_.n_expert - 1));
          swaps.push_back({expert, s[1].real(-kMostNats, kMostNats), s[2].real(-4, 4)});
        }
      }
    }
    probe_.release();
    return true;
  }

  const std::vector<Document>& documents_;
  HeadroomOptions o_;
  RouterSpec router_;
  Probe probe_;
  std::vector<int> layers_;
  Units* units_ = nullptr;
  std::vector<std::vector<double>> losses_;  ///< [document][scored position]
  Strata strata_;
  std::vector<LayerSwaps> swaps_;  ///< [layer]
};

}  // namespace

std::optional<Headroom> measure_headroom(Engine& engine, const std::vector<Document>& documents,
                                         const HeadroomOptions& options, const Json& provenance,
                                         const std::string& state_path,
                                         const std::function<void(double)>& progress,
                                         const std::atomic<bool>* interrupted) {
  Measuring measuring(engine, documents, options);  // refuses before a state is made
  const Json header{{"format", "rouse-headroom-state"},
                    {"version", 1},
                    {"fingerprint", engine.file().fingerprint()},
                    {"documents", documents_hash(documents)},
                    {"options", provenance}};
  Units units(WorkState(state_path, header, options.restart), progress, interrupted);
  return measuring.run(units);
}

}  // namespace rouse
