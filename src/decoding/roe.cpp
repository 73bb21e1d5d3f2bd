/// decoding/roe.cpp - RoE, a roster of experts (arXiv:2509.17238): every token runs under several routes, and
/// the mean of their logits chooses the next one.
///
/// The first route is the stream's own policy; the others are `route-policy` under seeds in a row, by default
/// the model's top-k with Gumbel noise on the router's logits. All rows of a token run in one graph, so what
/// several routes use is read once. Each route keeps keys and values of its own, the prompt included, where
/// the paper lets all attend to those of the route without noise.
#include "base/error.h"
#include "base/statistics.h"
#include "decoding/contrast.h"
#include "decoding/files.h"
#include "decoding/methods.h"
#include "routing/later_seed.h"

namespace rouse {
namespace {

class Roe final : public Method {
 public:
  explicit Roe(std::vector<Stream> streams) : streams_(std::move(streams)) {}
  const std::vector<Stream>& streams() const override { return streams_; }
  void append(std::span<const int> tokens) override { pending_.assign(tokens.begin(), tokens.end()); }
  Asks ask(const TokenFilter&) override {
    Asks asks;
    for (int s = 0; s < static_cast<int>(streams_.size()); ++s)
      asks.rows.push_back({.stream = s, .tokens = pending_, .output = Output::logits, .prompt = !started_});
    started_ = true;
    return asks;
  }
  bool answer(std::span<const Answer> answers, const TokenFilter& filter,
              std::vector<float>& scores) override {
    scores = mean_logits(answers);
    filter.apply(scores);
    return true;
  }
  std::unique_ptr<Method> clone() const override { return std::make_unique<Roe>(*this); }
  double score(std::span<const Answer> rows, int token, float alpha) const override {
    const std::vector<float> mean = mean_logits(rows);
    return alpha > 0 && !plausible(mean, token, alpha) ? kMasked : -nll(mean, token);
  }
  std::vector<int> likeliest(std::span<const Answer> rows, size_t n) const override {
    return best_tokens(mean_logits(rows), n);
  }

 private:
  static std::vector<float> mean_logits(std::span<const Answer> rows) {
    std::vector<float> out(rows[0].logits.size());
    for (const Answer& row : rows)
      for (size_t v = 0; v < out.size(); ++v) out[v] += row.logits[v];
    for (float& x : out) x /= static_cast<float>(rows.size());
    return out;
  }

  std::vector<Stream> streams_;
  std::vector<int> pending_;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<Method> roe(const MethodOptions& options, const MethodModels& models) {
  const RouterSpec& router = models.spec.router;
  require_usage(router.moe(), "roe runs several routes of a Mixture-of-Experts model; this model is dense");
  const MethodOptions o = resolved(options, router);
  require_option(o.routes >= 1 && o.routes <= 64, "routes", " is ", o.routes, ", expected 1 to 64");
  std::vector<Stream> streams{main_stream(o, models)};
  for (int i = 1; i < o.routes; ++i) {
    const std::string policy = with_later_seed(o.route_policy, static_cast<uint64_t>(i));
    streams.push_back({RoutingPolicy(policy, router, files_of(o)), 0, streams[0].shift});
  }
  return std::make_unique<Roe>(std::move(streams));
}

}  // namespace rouse
