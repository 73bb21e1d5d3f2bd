/// What `rouse repro` runs is what the papers ran: grids, weak routings, zero-shot questions.
#include "cli/repro_command.h"
#include "support.h"

namespace rouse {
namespace {

std::vector<ReproStep> steps_of(const char* paper, ReproOptions o, const Words& tasks, int k, int n) {
  for (const Paper& p : papers()) {
    if (p.name != std::string(paper)) continue;
    o.eval.n_shot = p.n_shot;
    o.eval.output = "out";
    return p.steps({o, {}, tasks, k, n});
  }
  return {};
}

const ReproStep& step(const std::vector<ReproStep>& steps, const std::string& name) {
  for (const ReproStep& s : steps)
    if (s.name == name) return s;
  throw std::runtime_error("no step " + name);
}

bool has(const ReproStep& s, const std::string& word) {
  return std::find(s.command.begin(), s.command.end(), word) != s.command.end();
}

}  // namespace

TEST(Published, TheDefaultWeakRoutingIsThePapers) {
  for (const auto& [k, weak] : {std::pair{1, "rank:1"}, {2, "rank:2"}, {3, "topk:1"}, {6, "topk:1"}}) {
    RouterSpec router;
    router.n_expert = 64, router.n_expert_used = k, router.layers = {0};
    MethodOptions o;
    o.name = "scmoe";
    EXPECT_EQ(resolved(o, router).weak, weak) << "top-" << k;
    EXPECT_NE(method_text(resolved(o, router)).find(cat("weak=", weak)), std::string::npos) << "is named";
    o.weak = "rank:6";
    EXPECT_EQ(resolved(o, router).weak, "rank:6");
  }
  EXPECT_EQ(nlohmann::json::parse(
                rouse("inspect -m " + golden("deepseek.gguf") + " --json").out)["router"]["default_weak"],
            "topk:1");
}

TEST(Published, GridsOfScmoeAreThePapers) {
  const auto mixtral = steps_of("scmoe", {}, {"gsm8k"}, 2, 8), fine = steps_of("scmoe", {}, {"gsm8k"}, 6, 8);
  EXPECT_TRUE(has(step(mixtral, "main"), "scmoe weak=rank:2 beta=0.1|0.3|0.5|0.7|0.9"));
  EXPECT_TRUE(has(step(fine, "main"), "scmoe weak=topk:1..3 beta=0.1|0.3|0.5|0.7|0.9"));
  EXPECT_TRUE(has(step(mixtral, "weak"), "scmoe weak=rank:1..8|random:1"));
  EXPECT_TRUE(has(step(fine, "weak"), "scmoe weak=rank:1..8|random:1|topk:1..3"));
  EXPECT_TRUE(has(step(mixtral, "beta"), "scmoe beta=0.1:0.9:0.2"));
  EXPECT_TRUE(has(step(mixtral, "votes"), "scmoe weak=rank:3"));
  EXPECT_FALSE(has(step(mixtral, "main"), "--shots")) << "each task's own";
}

TEST(Published, CounterfactualRoutingAsksWithoutExamples) {
  ReproOptions o;
  o.plan = "m.cor.json";
  const auto steps = steps_of("cor", o, {"truthfulqa_mc1", "factor_news", "triviaqa"}, 2, 8);
  int n = 0;
  for (const ReproStep& s : steps) {
    if (s.command[0] != "eval") continue;
    const auto shots = std::find(s.command.begin(), s.command.end(), "--shots");
    ASSERT_NE(shots, s.command.end()) << s.name;
    EXPECT_EQ(shots[1], "0");
    ++n;
  }
  EXPECT_GE(n, 3);
}

}  // namespace rouse
