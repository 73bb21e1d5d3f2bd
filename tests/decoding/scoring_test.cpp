/// Log-likelihoods of given continuations: the one-pass form against stepping through the text.
#include "decoding/scoring.h"

#include <cmath>

#include "base/statistics.h"
#include "decoding/contrast.h"
#include "support.h"

namespace rouse {
namespace {

const std::vector<int> kPrefix = {271, 4, 9, 66, 130, 7, 201};
const std::vector<std::vector<int>> kContinuations = {
    {5, 90, 14, 3}, {5}, {77, 12}, {200, 201, 202, 203, 204, 205}};

/// Logits and early rows of the last of `text`, by a pass of its own.
struct Alone {
  Alone(TinyModel& m, const std::string& routing, const std::vector<int>& text,
        const std::vector<int>& exits = {}) {
    const RoutingPolicy policy(routing, m.router());
    const SeqId seq = m.engine.open();
    RowGroup group{&policy, {}};
    for (const int t : text) group.rows.push_back({seq, t, Output::none});
    group.rows.back().output = Output::logits;
    const StepResult& r = m.engine.run({.batch = {&group, 1}, .taps = {.exits = exits}});
    const auto l = r.logits(text.size() - 1);
    logits.assign(l.begin(), l.end());
    for (size_t i = 0; i < exits.size(); ++i) {
      exit_logits.push_back(head_logits(m.engine, r.exit(i, text.size() - 1)));
    }
    m.engine.close(seq);
  }
  std::vector<float> logits;
  std::vector<std::vector<float>> exit_logits;
};

template <class Expected>
void check(TinyModel& m, const MethodOptions& options, float alpha, Expected expected,
           TinyModel* amateur = nullptr) {
  const MethodModels models{m.model->spec(), false, amateur ? &amateur->model->spec() : nullptr};
  Scorer scorer({&m.engine, amateur ? &amateur->engine : nullptr}, make_method(options, models), alpha);
  std::vector<ScoreRequest> requests{
      {kPrefix, kContinuations}, {{271, 4, 9, 1}, {{8, 8}}}, {{271}, {{4, 9}}}};
  const auto log_probs = [&](std::span<const ScoreRequest> some) {
    std::vector<std::vector<std::vector<double>>> out;
    for (Scored& s : scorer.score(some)) {
      EXPECT_FALSE(s.error) << s.error->what();
      out.push_back(std::move(s.log_probs));
    }
    return out;
  };
  const auto scores = log_probs(requests);
  const auto again = log_probs(std::vector<ScoreRequest>{requests[0]});  // with a trunk from before
  for (size_t r = 0; r < requests.size(); ++r)
    for (size_t c = 0; c < requests[r].continuations.size(); ++c) {
      std::vector<int> text = requests[r].prefix;
      ASSERT_EQ(scores[r][c].size(), requests[r].continuations[c].size());
      for (size_t t = 0; t < requests[r].continuations[c].size(); ++t) {
        const int token = requests[r].continuations[c][t];
        EXPECT_NEAR(scores[r][c][t], expected(text, token), 2e-4) << r << " " << c << " " << t;
        if (r == 0) {
          EXPECT_NEAR(again[0][c][t], scores[0][c][t], 2e-4);
        }
        text.push_back(token);
      }
    }
}

double z_score(std::span<const float> strong, std::span<const float> weak, float beta, int token) {
  std::vector<float> z(strong.size());
  for (size_t v = 0; v < z.size(); ++v) z[v] = (1 + beta) * strong[v] - beta * weak[v];
  return -nll(z, token);
}

}  // namespace

TEST(Scoring, OnePassEqualsStepping) {
  for (const char* file : {"mixtral.gguf", "deepseek2.gguf"}) {
    TinyModel m(golden(file));
    MethodOptions o;
    o.routing = "topk:3";
    check(m, o, 0, [&](const auto& text, int token) { return -nll(Alone(m, "topk:3", text).logits, token); });
    MethodOptions scmoe;
    scmoe.name = "scmoe", scmoe.weak = "rank:3", scmoe.beta = 0.7f;
    check(m, scmoe, 0, [&](const auto& text, int token) {
      return z_score(Alone(m, "topk", text).logits, Alone(m, "rank:3", text).logits, 0.7f, token);
    });
    MethodOptions dola;
    dola.name = "dola", dola.dola_layers = "1";
    check(m, dola, 0, [&](const auto& text, int token) {
      const Alone row(m, "topk", text, {1});
      return nll(row.exit_logits[0], token) - nll(row.logits, token);
    });
    EXPECT_EQ(m.engine.n_free(), m.engine.n_cell());
  }
}

TEST(Scoring, DolaTakesTheMostDifferentLayerAtEveryToken) {
  TinyModel m(golden("mixtral.gguf"));
  MethodOptions dola;
  dola.name = "dola", dola.dola_layers = "0,1,2";
  check(m, dola, 0, [&](const auto& text, int token) {
    Alone row(m, "topk", text, {0, 1, 2});
    softmax(row.logits);
    double most = -1, out = 0;
    for (auto& q : row.exit_logits) {
      softmax(q);
      double d = 0;  // (KL(M || P) + KL(M || Q)) / 2
      for (size_t v = 0; v < q.size(); ++v) {
        const double p = row.logits[v], e = q[v], mid = (p + e) / 2;
        if (mid > 0 && p > 0 && e > 0) d += mid * (std::log(mid / p) + std::log(mid / e)) / 2;
      }
      const auto at = static_cast<size_t>(token);
      if (d > most) most = d, out = std::log(row.logits[at]) - std::log(q[at]);
    }
    return out;
  });
}

TEST(Scoring, ContrastiveDecodingUsesTheAmateur) {
  TinyModel m(golden("mixtral.gguf")), amateur(golden("llama.gguf"));
  MethodOptions cd;
  cd.name = "cd";
  check(
      m, cd, 0,
      [&](const auto& text, int token) {
        return z_score(Alone(m, "topk", text).logits, Alone(amateur, "topk", text).logits, 0.5f, token);
      },
      &amateur);
}

TEST(Scoring, AnAlphaMasksImplausibleTokens) {
  TinyModel m(golden("mixtral.gguf"));
  int masked = 0;
  check(m, {}, 0.2f, [&](const auto& text, int token) {
    const Alone row(m, "topk", text);
    masked += !plausible(row.logits, token, 0.2f);
    return plausible(row.logits, token, 0.2f) ? -nll(row.logits, token) : Method::kMasked;
  });
  EXPECT_GT(masked, 3);
}

TEST(Scoring, RefusesMethodsWithoutADistributionAndTextsThatDoNotFit) {
  TinyModel m(golden("mixtral.gguf"), 256);
  MethodOptions beam;
  beam.name = "beam";
  Scorer scorer({&m.engine}, make_method(beam, m.models()));
  const std::vector<ScoreRequest> one{{kPrefix, kContinuations}};
  expect_refusal([&] { scorer.score(one); }, ErrorKind::usage, "cannot score a given text");
  Scorer plain({&m.engine}, make_method({}, m.models()));
  const std::vector<ScoreRequest> some{
      {std::vector<int>(300, 5), {{1}}}, {kPrefix, kContinuations}, {kPrefix, {{1}, {}}}};
  const std::vector<Scored> scored = plain.score(some);
  ASSERT_TRUE(scored[0].error && scored[2].error);
  EXPECT_NE(std::string(scored[0].error->what()).find("a text of 300 tokens does not fit the context of 256"),
            std::string::npos)
      << scored[0].error->what();
  EXPECT_NE(std::string(scored[2].error->what()).find("a continuation is empty"), std::string::npos);
  EXPECT_TRUE(scored[0].log_probs.empty());
  ASSERT_FALSE(scored[1].error) << "the others go on";
  EXPECT_EQ(scored[1].log_probs.size(), kContinuations.size());
}

TEST(Scoring, ContinuationsThatDoNotFitBesideEachOtherRunInGroups) {
  std::vector<int> prefix, filler;
  for (int i = 0; i < 100; ++i) prefix.push_back((i * 37 + 5) % 271);
  ScoreRequest large{prefix, {}};
  for (int c = 0; c < 5; ++c) {
    large.continuations.emplace_back();
    for (int i = 0; i < 30 * c + 20; ++i) large.continuations.back().push_back((i * 11 + c) % 271);
  }
  large.continuations.push_back(std::vector<int>(157, 9));  // with the prefix exactly the context
  prefix.resize(50);
  prefix.push_back(1);
  const std::vector<ScoreRequest> requests{{{271, 3}, {{1, 2}}}, large, {prefix, {{4, 5, 6}, {7}}}};
  for (const char* method : {"greedy", "scmoe", "dola"}) {
    MethodOptions o;
    o.name = method;
    const std::string path = golden("mixtral.gguf");
    const auto scores = [&](int n_ctx, int n_cell) {
      const auto devices = std::make_shared<Devices>(1);
      const auto model = std::make_shared<Model>(path, devices);
      NativeEngine engine(model, {.n_ctx = n_ctx, .n_cell = n_cell, .kv_type = GGML_TYPE_F32});
      Scorer scorer({&engine}, make_method(o, {model->spec()}));
      return scorer.score(requests);
    };
    const auto small = scores(256, 512), wide = scores(256, 4096), large_context = scores(4096, 8192);
    for (size_t r = 0; r < requests.size(); ++r) {
      ASSERT_FALSE(small[r].error) << small[r].error->what();
      EXPECT_EQ(small[r].log_probs, wide[r].log_probs) << "what else the engine has room for changes nothing";
      for (size_t c = 0; c < requests[r].continuations.size(); ++c)
        for (size_t t = 0; t < requests[r].continuations[c].size(); ++t)
          EXPECT_NEAR(small[r].log_probs[c][t], large_context[r].log_probs[c][t], 2e-4) << method;
    }
  }
}

}  // namespace rouse
