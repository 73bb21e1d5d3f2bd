#include "advice/text_trial.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/statistics.h"
#include "decoding/scoring.h"
#include "session/variant.h"

namespace rouse {
namespace {

/// {"losses": [[...] a document], "hits": [...], "evaluations"}
Json scored_group(Scorer& scorer, std::span<const Document> documents) {
  std::vector<ScoreRequest> requests;
  for (const Document& d : documents) {
    const auto first = d.tokens.begin() + d.n_prompt;
    requests.push_back({{d.tokens.begin(), first}, {{first, d.tokens.end()}}, 1});
  }
  const Cost before = scorer.cost();
  const std::vector<Scored> scored = scorer.score(requests);
  const Cost cost = scorer.cost() - before;
  Json out{{"losses", Json::array()}, {"hits", Json::array()}, {"evaluations", cost.expert_evaluations}};
  for (size_t d = 0; d < documents.size(); ++d) {
    if (scored[d].error) throw Error(*scored[d].error);
    Json losses = Json::array();
    int n_hit = 0;
    for (size_t i = 0; i < scored[d].log_probs[0].size(); ++i) {
      losses.push_back(-scored[d].log_probs[0][i]);
      n_hit += scored[d].top[0][i][0].first == requests[d].continuations[0][i];
    }
    out["losses"].push_back(losses);
    out["hits"].push_back(n_hit);
  }
  return out;
}

}  // namespace

TextTrial::TextTrial(const Session& session, std::span<const Document> documents, Units& units)
    : session_(session), documents_(documents), units_(units) {}

std::optional<TextScore> TextTrial::score(const std::string& variant, const std::string& part) {
  std::unique_ptr<Scorer> scorer;
  TextScore out;
  for (size_t first = 0; first < documents_.size(); first += kGroup) {
    const auto group = documents_.subspan(first, std::min(kGroup, documents_.size() - first));
    const std::string name = cat(variant, ":", part, ":", first);
    const Json* result = units_.unit(name, [&] {
      if (!scorer)
        scorer = std::make_unique<Scorer>(session_.engines(),
                                          make_method(parse_variant(variant), session_.models()));
      return scored_group(*scorer, group);
    });
    if (!result) return std::nullopt;
    const JsonValue value = unit_value(*result, name);
    const auto losses = value.at("losses").list(group.size(), group.size());
    const auto hits = value.at("hits").list(group.size(), group.size());
    for (size_t d = 0; d < group.size(); ++d) {
      const size_t n = group[d].tokens.size() - static_cast<size_t>(group[d].n_prompt);
      out.documents.push_back({losses[d].reals(n, n, -kMostNats, kMostNats),
                               static_cast<int>(hits[d].integer(0, static_cast<int64_t>(n)))});
    }
    constexpr auto kMost = int64_t{1} << 60;
    out.expert_evaluations += value.at("evaluations").integer(0, kMost);
  }
  return out;
}

int64_t TextScore::n_hit() const {
  int64_t n = 0;
  for (const DocumentScore& d : documents) n += d.n_hit;
  return n;
}

double TextScore::hard_above() const {
  std::vector<std::vector<double>> losses;
  for (const DocumentScore& d : documents) losses.push_back(d.loss);
  const std::vector<double> counted = counted_losses(losses, kHardTokens.nu);
  return counted.empty() ? INFINITY : quantile(counted, kHardTokens.hard / 100);
}

Measured change_of_loss(const TextScore& base, const TextScore& other, double above, uint64_t seed) {
  std::vector<double> before, change;
  std::vector<int> count;
  for (size_t d = 0; d < base.documents.size(); ++d) {
    double was = 0, sum = 0;
    int n = 0;
    for (size_t t = 0; t < base.documents[d].loss.size(); ++t) {
      const double a = base.documents[d].loss[t], b = other.documents[d].loss[t];
      if ((a + b) / 2 > above) was += a, sum += b - a, ++n;
    }
    before.push_back(was), change.push_back(sum), count.push_back(n);
  }
  Measured out = measured_on_documents(before, change, count, seed);
  out.metric = "NLL", out.unit = "nats a token", out.low_is_good = true;
  return out;
}

Measured change_of_hits(const TextScore& base, const TextScore& other, uint64_t seed) {
  std::vector<double> before, change;
  std::vector<int> count;
  for (size_t d = 0; d < base.documents.size(); ++d) {
    before.push_back(100.0 * base.documents[d].n_hit);
    change.push_back(100.0 * (other.documents[d].n_hit - base.documents[d].n_hit));
    count.push_back(static_cast<int>(base.documents[d].loss.size()));
  }
  Measured out = measured_on_documents(before, change, count, seed);
  out.metric = "next token right", out.unit = "%";
  return out;
}

}  // namespace rouse
