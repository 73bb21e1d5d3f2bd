#include "routing/plan.h"

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "routing/route.h"
#include "support.h"

namespace rouse {
namespace {

RouterSpec router_of(int n_layer, int n_expert, int k) {
  RouterSpec r;
  r.n_expert = n_expert;
  r.n_expert_used = k;
  for (int l = 0; l < n_layer; ++l) r.layers.push_back(l);
  return r;
}

std::string write_plan(const TempDir& dir, const Plan& plan) {
  std::ofstream(dir / "p.cor.json") << plan_text(plan);
  return dir / "p.cor.json";
}

}  // namespace

TEST(PlanBudget, FollowsIntensityByLargestRemainder) {
  // q = 8 R / 8: 4, 2, 1.5, 0.5 -> rounded 4, 2, 2, 1 (halves away from zero): one too many, taken where q -
  // k is least.
  EXPECT_EQ(plan_budget({4, 2, 1.5, 0.5}, 8, 8), (std::vector<int>{4, 2, 1, 1}));
  EXPECT_EQ(plan_budget({0, 0, 0}, 6, 8), (std::vector<int>{2, 2, 2}));
  EXPECT_EQ(plan_budget({100, 1, 1}, 6, 8), (std::vector<int>{4, 1, 1}));
  EXPECT_EQ(plan_budget({100, 1, 1}, 12, 8), (std::vector<int>{8, 2, 2})) << "k_max holds";
  EXPECT_EQ(plan_budget({1, 1, 1}, 7, 8), (std::vector<int>{3, 2, 2})) << "ties to the lower layer";
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    std::vector<double> r(12);
    for (double& x : r) x = std::exp(3 * random.normal());
    const auto k = plan_budget(r, 48, 16);
    EXPECT_EQ(std::accumulate(k.begin(), k.end(), 0), 48);
    for (const int x : k) EXPECT_TRUE(x >= 1 && x <= 16);
  }
}

TEST(PlanImpact, IsScaledWithinItsLayer) {
  EXPECT_EQ(normalised_impact({1, 3, NAN, 2}), (std::vector<float>{0, 1, 0, 0.5f}));
  EXPECT_EQ(normalised_impact({5, 5}), (std::vector<float>{0, 0}));
  EXPECT_EQ(normalised_impact({NAN, NAN}), (std::vector<float>{0, 0}));
}

TEST(PlanFile, ReadsBackWhatItWrote) {
  Plan p = Plan::empty(router_of(2, 3, 2), "llama", 2);
  p.fingerprint = "abc";
  p.intensity = {0.1, 1e300};
  p.intensity_ci[1] = {1.0 / 3, 2};
  p.impact[0] = {NAN, -0.25, 1};
  p.samples[0] = {0, 4, 5};
  p.budget = {1, 3};
  p.n_scored = 9;
  const auto same = [&] {
    const std::string text = plan_text(p);
    EXPECT_EQ(plan_text(parse_plan(text, "p")), text);
  };
  same();
  p.error = {0.5, NAN}, p.shrunk = {1, 2};
  p.evidence.emplace();
  p.evidence->base = {2, 2};
  const MeanChange some{0.1, -0.1, 1.0 / 3}, none{NAN, NAN, NAN};
  p.evidence->less = p.evidence->more = {{some, none}, {none, some}};
  p.evidence->moves = {{0, 1, 0.5, 0.1, 0.3, 0.01, true}};
  p.evidence->trials = {{{1, 3}, some, true}};
  p.evidence->verdict = "words";
  same();
  EXPECT_EQ(parse_plan(plan_text(p), "p").evidence->moves[0].to, 1);
  EXPECT_EQ(&p.shares(), &p.shrunk);
  p.shrunk[0] = NAN;
  EXPECT_EQ(&p.shares(), &p.intensity) << "not every layer was shrunk";
}

TEST(PlanFile, OfVersion1IsReadAndWrittenAsItWas) {
  Plan p = Plan::empty(router_of(2, 3, 2), "llama", 2);
  nlohmann::ordered_json old = nlohmann::ordered_json::parse(plan_text(p));
  old["version"] = 1;
  for (const char* later : {"R_error", "R_shrunk", "evidence"}) old.erase(later);
  const Plan read = parse_plan(old.dump(), "p");
  EXPECT_EQ(read.version, 1);
  EXPECT_FALSE(read.evidence);
  EXPECT_EQ(nlohmann::ordered_json::parse(plan_text(read)).dump(), old.dump()) << "so its hash stays, too";
  old["evidence"] = nullptr;
  expect_refusal([&] { parse_plan(old.dump(), "p"); }, ErrorKind::bad_file, "p: unknown field \"evidence\"");
}

TEST(PlanFile, RefusesWhatIsWrongByName) {
  Plan plan = Plan::empty(router_of(2, 3, 2), "llama", 2);
  plan.evidence.emplace();
  plan.evidence->base = {2, 2};
  const MeanChange none{NAN, NAN, NAN};
  plan.evidence->less = plan.evidence->more = {{none, none}, {none, none}};
  plan.evidence->moves = {{0, 1, 0.5, 0.1, 0.3, 0.01, true}};
  nlohmann::ordered_json good = nlohmann::ordered_json::parse(plan_text(plan));
  good["R"] = {1.0, 2.0};
  const auto refused = [&](const char* pointer, const nlohmann::ordered_json& value,
                           const std::string& part) {
    auto bad = good;
    bad[nlohmann::ordered_json::json_pointer(pointer)] = value;
    expect_refusal([&] { parse_plan(bad.dump(), "p"); }, ErrorKind::bad_file, part);
  };
  EXPECT_NO_THROW(parse_plan(good.dump(), "p"));
  expect_refusal([&] { parse_plan("{", "p"); }, ErrorKind::bad_file, "p: is broken JSON");
  expect_refusal([&] { parse_plan("[1]", "p"); }, ErrorKind::bad_file,
                 "p: the whole is [1], expected an object");
  refused("/format", "plan", "expected \"rouse-plan\"");
  refused("/version", 3, "p: version is 3, expected an integer of 1 to 2");
  refused("/version", 1, "p: unknown field \"R_error\"");
  refused("/R_error/0", -1, "p: R_error[0] is -1, expected a number of 0");
  refused("/evidence/base", {2}, "p: evidence.base is [2], expected a list of 2");
  refused("/evidence/base/1", 4, "p: evidence.base[1] is 4, expected an integer of 1 to 3");
  refused("/evidence/moves/0/to", 5, "p: evidence.moves[0].to is 5, expected one of the plan's layers");
  refused("/evidence/moves/0/p", 2, "p: evidence.moves[0].p is 2, expected a number of 0 to 1");
  refused("/evidence/one_less/0/all", {1, 2}, "p: evidence.one_less[0].all is [1,2], expected a list of 3");
  refused("/evidence/colour", 1, "p: evidence: unknown field \"colour\"");
  refused("/R", {1.0}, "p: R is [1.0], expected a list of 2");
  refused("/R/0", "x", "p: R[0] is \"x\", expected a number of 0 to 1.7976931348623157e+308");
  refused("/R/0", -1, "p: R[0] is -1, expected a number of 0");
  refused("/k/1", 4, "p: k[1] is 4, expected an integer of 1 to 3");
  refused("/k/1", 0, "p: k[1] is 0, expected");
  refused("/layers", {1, 0}, "p: layers[1] is 0, expected more than the entry before it");
  refused("/layers", {0, 7}, "p: layers[1] is 7, expected an integer of 0 to 1");
  refused("/CEI/1", {1, 2}, "p: CEI[1] is [1,2], expected a list of 3");
  refused("/CEI_ci/1/0", {1}, "p: CEI_ci[1][0] is [1], expected a list of 2");
  refused("/samples/0/0", -3, "p: samples[0][0] is -3, expected");
  refused("/model/n_expert", 1e9, "p: model.n_expert is 1000000000.0, expected an integer of 1 to 4096");
  refused("/model", 3, "p: model is 3, expected an object");
  refused("/CEI/0/1", 1e308, "p: CEI[0][1] is 1e+308, expected a number of -1e+30 to 1e+30");
  refused("/CEI/0/1", -1e308, "p: CEI[0][1] is -1e+308");
  refused("/colour", 1, "p: unknown field \"colour\"");
  refused("/model/colour", 1, "p: model: unknown field \"colour\"");
  auto missing = good;
  missing.erase("gate");
  expect_refusal([&] { parse_plan(missing.dump(), "p"); }, ErrorKind::bad_file, "p: field gate is missing");
}

TEST(PlanPolicy, RunsItsBudgetAtTheSameCost) {
  const TempDir dir;
  TinyModel m(golden("mixtral.gguf"));
  Plan p = Plan::empty(m.router(), "llama", 3);
  p.fingerprint = m.model->file().fingerprint();
  p.intensity = {4, 1, 1};
  p.budget = {4, 1, 1};
  p.impact[1] = {0, 0, 0, 0, 0, 0, 0, 1};
  const std::string path = write_plan(dir, p);
  const auto evaluations = [&](const std::string& routing) {
    const Cost before = m.engine.cost();
    m.logits({271, 4, 5, 6}, routing);
    return (m.engine.cost() - before).expert_evaluations;
  };
  // The last block runs one row.
  EXPECT_EQ(evaluations("plan:" + path), 4 * 4 + 4 * 1 + 1);
  EXPECT_EQ(evaluations("plan:" + path + ",experts-only"), evaluations("topk"));
  EXPECT_EQ(evaluations("plan:" + path + ",k=4"), 4 * 8 + 4 * 2 + 2);
  EXPECT_EQ(evaluations("plan:" + path + ",k=3,kmax=5"), 4 * 5 + 4 * 2 + 2);
  EXPECT_EQ(m.logits({271, 9}, "plan:" + path + ",experts-only,lambda=0"), m.logits({271, 9}, "topk"));

  // A large lambda sends block 1 to expert 7, which the plan calls causal; layers-only does not.
  const RoutingPolicy biased("plan:" + path + ",lambda=50", m.router()),
      plain("plan:" + path + ",layers-only", m.router());
  RouteScratch scratch;
  std::vector<int> ids(8);
  std::vector<float> weights(8), logits = {3, 2, 1, 0, 0, 0, 0, -2};
  EXPECT_EQ(route_row(biased, 1, 0, logits, {}, std::span(ids).first(1), weights, scratch), 1);
  EXPECT_EQ(ids[0], 7);
  EXPECT_EQ(weights[0], 1.0f);
  route_row(plain, 1, 0, logits, {}, std::span(ids).first(1), weights, scratch);
  EXPECT_EQ(ids[0], 0);
}

TEST(PlanPolicy, RefusesAnotherModelAndNonsense) {
  const TempDir dir;
  TinyModel m(golden("mixtral.gguf")), other(golden("qwen3moe.gguf"));
  Plan p = Plan::empty(m.router(), "llama", 3);
  p.fingerprint = "0123456789abcdef";
  const std::string path = write_plan(dir, p);
  const auto refused = [&](const std::string& routing, const RouterSpec& r, ErrorKind code,
                           const std::string& part) {
    expect_refusal([&] { RoutingPolicy policy(routing, r); }, code, part);
  };
  refused("plan:" + path, m.router(), ErrorKind::bad_file,
          "measured on another file (fingerprint 0123456789ab");
  EXPECT_NO_THROW(RoutingPolicy("plan:" + path + ",any-quant", m.router()));
  refused("plan:" + path + ",any-quant", other.router(), ErrorKind::bad_file,
          "is for 3 MoE layers of 8 experts, top-2");
  refused("plan:" + path + ",any-quant,k=3", m.router(), ErrorKind::bad_file, "R is not measured");
  refused("plan:" + path + ",any-quant,lambda=-1", m.router(), ErrorKind::usage, "lambda is -1");
  refused("plan:" + path + ",any-quant,kmax=1", m.router(), ErrorKind::usage, "kmax is 1");
  refused("plan:" + path + ",layers-only,experts-only", m.router(), ErrorKind::usage, "exclude each other");
  refused("plan:" + path + ",sideways", m.router(), ErrorKind::usage, "unexpected \"sideways\"");
  refused("plan", m.router(), ErrorKind::usage, "expected plan:FILE");
  refused("plan:/nowhere.json", m.router(), ErrorKind::bad_file, "/nowhere.json: cannot open");
}

TEST(Force, TakesTheLastRankedChoicesPlace) {
  const RouterSpec r = router_of(2, 4, 2);
  RouteScratch scratch;
  std::vector<int> ids(4);
  std::vector<float> weights(4), logits = {3, 2, 1, 0};
  const RoutingPolicy forced("topk+force:1.3", r);
  EXPECT_EQ(forced.text(), "topk+force:1.3");
  EXPECT_EQ(route_row(forced, 1, 0, logits, {}, std::span(ids).first(2), weights, scratch), 2);
  EXPECT_EQ(ids[0], 3);
  EXPECT_EQ(ids[1], 0);
  EXPECT_NEAR(weights[1] / weights[0], std::exp(3.0f), 1e-4) << "the model's rule over its own gates";
  route_row(forced, 0, 0, logits, {}, std::span(ids).first(2), weights, scratch);
  EXPECT_EQ(ids[1], 1) << "other blocks are as ever";
  const RoutingPolicy both("topk+force:1.3+mask:1.0", r);
  EXPECT_EQ(both.text(), "topk+mask:1.0+force:1.3");
  route_row(both, 1, 0, logits, {}, std::span(ids).first(2), weights, scratch);
  EXPECT_EQ(ids[1], 1);
  expect_refusal([&] { RoutingPolicy p("topk+mask:1.3+force:1.3", r); }, ErrorKind::usage,
                 "both masked and forced");
  expect_refusal([&] { RoutingPolicy p("rank:1+force:1.3,1.2", r); }, ErrorKind::usage,
                 "forces 2 experts in block 1");
  expect_refusal([&] { RoutingPolicy p("topk+force:2.0", r); }, ErrorKind::usage,
                 "policy force: block 2 is no MoE layer");
}

}  // namespace rouse
