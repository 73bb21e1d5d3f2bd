#include <cmath>
#include <numeric>

#include "base/statistics.h"
#include "calibration/calibrate.h"
#include "calibration/certify.h"
#include "calibration/state.h"
#include "engine/llama_engine.h"
#include "support.h"

namespace rouse {
namespace {

/// A calibration of a golden model over its golden documents, all tokens scored.
struct Calibrated {
  explicit Calibrated(const std::string& name, bool by_libllama = false) : m(golden(name + ".gguf"), 512) {
    if (!by_libllama) return;
    const int k = m.router().n_expert_used + 1;  // certificates try one more
    other = std::make_unique<LlamaEngine>(
        std::make_shared<LlamaModel>(golden(name + ".gguf"), m.devices, Placement{}, k),
        EngineOptions{.n_ctx = 512, .n_batch = 512, .kv_type = GGML_TYPE_F32});
  }
  Engine& engine() { return other ? *other : m.engine; }
  std::optional<Plan> run(const std::string& state, const std::vector<std::vector<int>>& documents,
                          const CalibrateOptions& o = {}, const std::function<void(double)>& progress = {},
                          const std::atomic<bool>* interrupted = nullptr) {
    std::vector<Document> list;
    for (const auto& tokens : documents) list.push_back({tokens, {}});
    choose_scored(list, 0, 1);
    return calibrate(engine(), std::move(list), o, {{"delta", o.probe.delta}}, state, progress, interrupted);
  }
  TinyModel m;
  std::unique_ptr<Engine> other;
};

std::vector<std::vector<int>> short_documents(int n = 3) {
  std::vector<std::vector<int>> out;
  for (int d = 0; d < n; ++d) {
    out.push_back({271});
    for (int i = 1; i < 14 + 5 * d; ++i) out.back().push_back((i * 37 + d * 11) % 271);
  }
  return out;
}

/// As the paper has it, which asks nothing of the text.
CalibrateOptions as_paper() {
  CalibrateOptions o;
  o.intensity = Intensity::paper;
  o.certify = false;
  return o;
}

double relative(double a, double b) {
  return std::abs(a - b) / std::max(1e-3, std::abs(b));
}

}  // namespace

class Calibration : public testing::TestWithParam<const char*> {};

TEST_P(Calibration, EqualsTheNaiveFloat64Reference) {
  const auto g = golden_json("calibration.json")[GetParam()];
  const TempDir dir;
  Calibrated c(GetParam());
  const auto documents = g["documents"].get<std::vector<std::vector<int>>>();
  const Plan p = *c.run(dir / "s", documents, as_paper());
  CalibrateOptions dropping = as_paper();
  dropping.probe.drop = true;
  const Plan dropped = *c.run(dir / "d", documents, dropping);
  EXPECT_EQ(p.layers, g["layers"].get<std::vector<int>>());
  int n_impact = 0;
  for (size_t l = 0; l < p.layers.size(); ++l) {
    EXPECT_LT(relative(p.intensity[l], g["R"][l]), 1e-3);
    EXPECT_LT(relative(p.hard[l], g["S_hard"][l]), 1e-3);
    EXPECT_LT(relative(p.easy[l], g["S_easy"][l]), 1e-3);
    EXPECT_LE(p.intensity_ci[l].first, p.intensity[l]);
    EXPECT_GE(p.intensity_ci[l].second, p.intensity[l]);
    EXPECT_EQ(p.samples[l], g["samples"][l].get<std::vector<int>>());
    for (size_t e = 0; e < p.impact[l].size(); ++e) {
      EXPECT_LT(relative(p.gate[l][e], g["gate"][l][e]), 1e-3);
      EXPECT_EQ(std::isnan(p.impact[l][e]), g["CEI"][l][e].is_null());
      if (std::isnan(p.impact[l][e])) continue;
      EXPECT_LT(relative(p.impact[l][e], g["CEI"][l][e]), 1e-3) << "layer " << l << " expert " << e;
      EXPECT_LT(relative(dropped.impact[l][e], g["CEI_drop"][l][e]), 1e-3)
          << "layer " << l << " expert " << e;
      ++n_impact;
    }
  }
  EXPECT_GT(n_impact, 10);
}

TEST_P(Calibration, ByLogOddsWithEvidenceEqualsTheNaiveFloat64Reference) {
  const auto g = golden_json("calibration.json")[GetParam()]["log_odds"];
  const TempDir dir;
  Calibrated c(GetParam());
  CalibrateOptions o;
  o.strata.nu = g["nu"];
  const auto documents = g["documents"].get<std::vector<std::vector<int>>>();
  const Plan p = *c.run(dir / "s", documents, o);
  EXPECT_EQ(p.n_hard, g["n_hard"]);
  EXPECT_EQ(p.n_easy, g["n_easy"]);
  EXPECT_LT(p.n_hard, p.n_scored / 5) << "nu leaves some out";
  ASSERT_TRUE(p.evidence);
  const auto held_out = held_out_documents(documents.size(), o.probe.seed);
  const auto used = [&](size_t d) { return !std::binary_search(held_out.begin(), held_out.end(), d); };
  for (size_t l = 0; l < p.layers.size(); ++l) {
    EXPECT_LT(relative(p.hard[l], g["S_hard"][l]), 1e-3);
    EXPECT_LT(relative(p.easy[l], g["S_easy"][l]), 1e-3);
    EXPECT_LT(relative(p.intensity[l], g["R"][l]), 1e-3);
    EXPECT_GT(p.error[l], 0);
    for (const bool less : {true, false}) {
      const std::string name = less ? "less" : "more";
      const Evidence::Change& change = (less ? p.evidence->less : p.evidence->more)[l];
      double all = 0, hard = 0;
      int n_hard = 0;
      for (size_t d = 0; d < documents.size(); ++d) {
        if (!used(d)) continue;
        all += g[name][l][d].get<double>() * static_cast<double>(documents[d].size() - 1);
        hard += g[name + "_hard"][l][d][0].get<double>();
        n_hard += g[name + "_hard"][l][d][1].get<int>();
      }
      EXPECT_NEAR(change.all.mean, all / p.evidence->n_token, 1e-4) << name << l;
      EXPECT_NEAR(change.hard.mean, hard / n_hard, 2e-4) << name << l;
    }
  }
}

/// A change of NLL is -(1 - p) times one of the log-odds, and 1 - p is the same for all layers.
TEST_P(Calibration, SharesByLogOddsAreThePapersWhereNothingIsSure) {
  const auto g = golden_json("calibration.json")[GetParam()]["log_odds"];
  const auto documents = g["documents"].get<std::vector<std::vector<int>>>();
  const TempDir dir;
  Calibrated c(GetParam());
  CalibrateOptions by_odds = as_paper();
  by_odds.intensity = Intensity::log_odds;
  by_odds.shrink = false;
  const Plan a = *c.run(dir / "a", documents, as_paper()), b = *c.run(dir / "b", documents, by_odds);
  EXPECT_EQ(a.n_hard, b.n_hard) << "no loss is below nu";
  const auto sum = [](const std::vector<double>& r) { return std::accumulate(r.begin(), r.end(), 0.0); };
  const double n = 2.0 * static_cast<double>(a.layers.size());
  for (size_t l = 0; l < a.layers.size(); ++l)
    EXPECT_NEAR(n * a.intensity[l] / sum(a.intensity), n * b.intensity[l] / sum(b.intensity), 0.2);
  EXPECT_TRUE(std::isnan(b.shrunk[0]));
  by_odds.shrink = true;
  EXPECT_FALSE(std::isnan(c.run(dir / "c", documents, by_odds)->shrunk[0]));
}

/// Without a way into the middle of the graph, by full passes: perturbations and ablations through libllama's
/// engine give what the float64 program has.
TEST_P(Calibration, ThroughLibllamasEngineTheSame) {
  const auto g = golden_json("calibration.json")[GetParam()];
  const TempDir dir;
  Calibrated c(GetParam(), true);
  const Plan p = *c.run(dir / "s", g["documents"].get<std::vector<std::vector<int>>>(), as_paper());
  EXPECT_EQ(p.layers, g["layers"].get<std::vector<int>>());
  for (size_t l = 0; l < p.layers.size(); ++l) {
    EXPECT_LT(relative(p.intensity[l], g["R"][l]), 2e-3) << "layer " << l;
    for (size_t e = 0; e < p.impact[l].size(); ++e) {
      if (std::isnan(p.impact[l][e])) continue;
      EXPECT_LT(relative(p.impact[l][e], g["CEI"][l][e]), 2e-3) << "layer " << l << " expert " << e;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Calibration, testing::Values("mixtral", "deepseek", "qwen3moe"),
                         [](const auto& info) { return std::string(info.param); });

class CheapAndNaive : public testing::TestWithParam<const char*> {};

TEST_P(CheapAndNaive, Agree) {
  const TempDir dir;
  Calibrated c(GetParam());
  CalibrateOptions cheap = as_paper(), naive = as_paper();
  naive.probe.naive = true;
  for (const bool noise : {false, true}) {
    cheap.probe.noise = naive.probe.noise = noise;
    cheap.probe.drop = naive.probe.drop = noise;
    cheap.probe.draws = naive.probe.draws = 2;
    const Plan a = *c.run(dir / cat("a", noise), short_documents(), cheap);
    const Plan b = *c.run(dir / cat("b", noise), short_documents(), naive);
    EXPECT_EQ(a.samples, b.samples);
    for (size_t l = 0; l < a.layers.size(); ++l) {
      EXPECT_GT(a.hard[l], 0);
      EXPECT_NEAR(a.hard[l], b.hard[l], 1e-4);
      EXPECT_NEAR(a.easy[l], b.easy[l], 1e-4);
      for (size_t e = 0; e < a.impact[l].size(); ++e)
        if (a.samples[l][e] > 0) {
          EXPECT_NEAR(a.impact[l][e], b.impact[l][e], 1e-4);
        }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, CheapAndNaive,
                         testing::Values("mixtral", "deepseek", "deepseek2_lite", "qwen2moe", "qwen3moe",
                                         "olmoe", "gpt_oss", "granitemoe"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(CheapAndNaive, AgreeOnAnotherBudget) {
  Calibrated c(GetParam());
  const RouterSpec& router = c.m.router();
  const Document document{short_documents()[2], {}};
  BudgetPolicies policies(router);
  std::vector<int> budget(router.layers.size(), router.n_expert_used);
  const size_t l = budget.size() - 2;
  budget[l] += 1;
  const RoutingPolicy policy = policies.make(budget);
  Probe cheap(c.m.engine, {}), naive(c.m.engine, {.naive = true});
  cheap.keep(document, {5, 20});
  const std::vector<double> a = cheap.reroute(policy, router.layers[l]), base = cheap.kept_losses();
  cheap.release();
  naive.keep(document, {5, 20});
  const std::vector<double> b = naive.reroute(policy, router.layers[l]);
  naive.release();
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(a[i], b[i], 1e-4);
    EXPECT_GT(std::abs(a[i] - base[i]), 1e-4) << "it changes something";
  }
}

TEST(CalibrationRun, InterruptedAnywhereItResumesToTheSameBytes) {
  const TempDir dir;
  Calibrated c("mixtral");
  const auto documents = short_documents(5);
  const std::string whole = plan_text(*c.run(dir / "whole", documents));
  EXPECT_NE(whole.find("No move is supported"), std::string::npos);
  for (int round = 0; round < 20; ++round) {
    const std::string state = dir / cat("s", round);
    std::atomic<bool> stop = false;
    int left = 1 + 2 * round;  // units until the interruption; 44 in all
    std::optional<Plan> plan = c.run(
        state, documents, {}, [&](double) { stop = --left <= 0; }, &stop);
    EXPECT_FALSE(plan) << round;
    if (round % 2)  // a crash while a line was being written
      std::filesystem::resize_file(state, std::filesystem::file_size(state) - 1 - static_cast<size_t>(round));
    plan = c.run(state, documents);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan_text(*plan), whole) << round;
  }
}

TEST(CalibrationRun, RefusesATextThatIsTooSmall) {
  const TempDir dir;
  Calibrated c("mixtral");
  const auto refused = [&](int n_document, const CalibrateOptions& o, const std::string& part) {
    expect_refusal([&] { c.run(dir / "s", short_documents(n_document), o); }, ErrorKind::usage, part);
    EXPECT_FALSE(std::filesystem::exists(dir / "s")) << "it would block the corrected command";
  };
  refused(1, {}, "certify: the text gives 1 document, evidence for moving experts needs 4");
  refused(3, {}, "certify: the text gives 3 documents");
  CalibrateOptions o;
  o.certify = false;
  refused(1, o, "shrink: the text gives 1 document");
  refused(3, o, "of 54 scored tokens 11 are hard and 11 easy, needed are 20 hard ones");
  o.probe.budget = {2, 1, 2};
  o.probe.drop = true;
  refused(3, o, "ablate: block 1 runs one expert; dropping it leaves none");
}

TEST(CalibrationRun, RefusesTheStateOfAnotherRun) {
  const TempDir dir;
  Calibrated c("mixtral");
  c.run(dir / "s", short_documents(), as_paper());
  CalibrateOptions other = as_paper();
  other.probe.delta = 0.2f;
  expect_refusal([&] { c.run(dir / "s", short_documents(), other); }, ErrorKind::usage,
                 "another calibration");
  std::ofstream(dir / "s", std::ios::app) << "{\"unit\":3}\n";
  expect_refusal([&] { c.run(dir / "s", short_documents(), as_paper()); }, ErrorKind::bad_file,
                 ": unit is 3, expected text");
}

TEST(CalibrationRun, MeasuresOnlyWhatIsAsked) {
  const TempDir dir;
  Calibrated c("mixtral");
  CalibrateOptions o = as_paper();
  o.layers = {1};
  const Plan some = *c.run(dir / "a", short_documents(), o);
  EXPECT_TRUE(std::isnan(some.intensity[0]));
  EXPECT_FALSE(std::isnan(some.intensity[1]));
  EXPECT_EQ(some.budget, (std::vector<int>{2, 2, 2}));
  o.layers = {};
  o.only_intensive = true;
  const Plan intense = *c.run(dir / "b", short_documents(), o);
  double mean = 0;
  for (const double r : intense.intensity) mean += r / 3;
  for (size_t l = 0; l < 3; ++l) EXPECT_EQ(std::isnan(intense.gate[l][0]), intense.intensity[l] <= mean);
  o.layers = {7};
  expect_refusal([&] { c.run(dir / "c", short_documents(), o); }, ErrorKind::usage,
                 "block 7 is not an MoE layer");
}

TEST(Corpus, ReadsRecordsTokensAndPlainText) {
  const GgufFile file(golden("mixtral.gguf"));
  const Tokenizer tokenizer(file);
  const TempDir dir;
  std::ofstream(dir / "a.jsonl")
      << "{\"text\":\"the end of it\"}\n\n{\"tokens\":[271,4,5,6]}\n{\"text\":\"\"}\n";
  std::ofstream(dir / "b.txt") << std::string(100, 'x');
  const auto docs = read_corpus({dir / "a.jsonl", dir / "b.txt"}, tokenizer, 32);
  ASSERT_EQ(docs.size(), 6u);
  EXPECT_EQ(docs[1].tokens, (std::vector<int>{271, 4, 5, 6}));
  for (const Document& d : docs) EXPECT_EQ(d.tokens[0], 271);
  EXPECT_EQ(docs[2].tokens.size(), 32u);
  auto chosen = docs;
  choose_scored(chosen, 0, 3);
  size_t n = 0;
  for (const Document& d : chosen) n += d.scored.size();
  EXPECT_EQ(n, docs[0].tokens.size() + 3 + 31 * 3 + docs[5].tokens.size() - 2)
      << "every position but the first";
  chosen = docs;
  choose_scored(chosen, 45, 3);  // two documents
  EXPECT_LE(chosen.size(), 2u);
  auto again = docs;
  choose_scored(again, 45, 3);
  EXPECT_EQ(again[0].scored, chosen[0].scored);

  std::ofstream(dir / "c.jsonl") << "{\"text\":\"ok then\"}\n{\"txt\":1}\n";
  expect_refusal([&] { read_corpus({dir / "c.jsonl"}, tokenizer, 32); }, ErrorKind::usage,
                 "c.jsonl:2: field text is missing");
  std::ofstream(dir / "d.jsonl") << "{\"tokens\":[272]}\n";
  expect_refusal([&] { read_corpus({dir / "d.jsonl"}, tokenizer, 32); }, ErrorKind::usage,
                 "d.jsonl:1: tokens[0] is 272, expected an integer of 0 to 271");
}

TEST(Corpus, PromptsAreReadAndNotScored) {
  const GgufFile file(golden("mixtral.gguf"));
  const Tokenizer tokenizer(file);
  const TempDir dir;
  std::ofstream(dir / "a.jsonl") << "{\"prompt\":\"the end\",\"text\":\" of it\"}\n"
                                 << "{\"prompt\":\"the end of it\",\"text\":\"\"}\n";
  auto documents = read_corpus({dir / "a.jsonl"}, tokenizer, 32);
  ASSERT_EQ(documents.size(), 1u) << "nothing to score in the other";
  EXPECT_EQ(documents[0].tokens, tokenizer.encode("the end of it", true, false));
  const size_t n_prompt = tokenizer.encode("the end", true, false).size();
  EXPECT_EQ(documents[0].n_prompt, static_cast<int>(n_prompt));
  choose_scored(documents, 0, 1);
  EXPECT_EQ(documents[0].scored.size(), documents[0].tokens.size() - n_prompt);
  EXPECT_EQ(documents[0].scored.front(), documents[0].n_prompt);
}

TEST(Intervention, EqualsAFullPassWithThatRowRoutedSo) {
  TinyModel m(golden("qwen3moe.gguf"));
  const Document document{{271, 4, 9, 66, 20, 31}, {}};
  Probe probe(m.engine, {});
  probe.keep(document, {3, 5});
  const int worst = probe.experts(1, 5).back();
  for (const bool ban : {true, false}) {
    const int expert = ban ? worst : (worst + 1) % 8;
    const Treatment how = ban ? Treatment::ban : Treatment::force;
    const auto after = probe.intervene(1, std::vector<Counterfactual>{{3, expert, how}, {5, expert, how}});
    const RoutingPolicy standard("topk", m.router()),
        treated(cat("topk+", ban ? "mask:1." : "force:1.", expert), m.router());
    const SeqId seq = m.engine.open();
    RowGroup before{&standard, {}};
    for (int i = 0; i < 4; ++i)
      before.rows.push_back({seq, document.tokens[static_cast<size_t>(i)], Output::none});
    const StepResult& r = m.engine.run({before, {&treated, {{seq, document.tokens[4], Output::logits}}}});
    std::vector<float> logits(r.logits(4).begin(), r.logits(4).end());
    log_softmax(logits);
    EXPECT_NEAR(after[1], -logits[31], 1e-5);
    m.engine.close(seq);
  }
  probe.release();
}

}  // namespace rouse
