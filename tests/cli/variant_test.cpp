/// Methods in one line, their names in results, and sweeps over them.
#include "session/variant.h"

#include "base/quoting.h"
#include "base/random.h"
#include "eval/sweep.h"
#include "support.h"

namespace rouse {
namespace {

RouterSpec router() {
  RouterSpec r;
  r.n_expert = 8;
  r.n_expert_used = 2;
  r.layers = {0, 1};
  return r;
}

std::string label(const std::string& variant) {
  const MethodOptions m = resolved(parse_variant(variant), router());
  return variant_label(m, RoutingPolicy(m.routing, router()));
}

}  // namespace

TEST(Variant, ValuesMayStandInQuotes) {
  const MethodOptions m = parse_variant("scmoe weak='plan:my file.json,lambda=0.1' beta=\"0.7\"");
  EXPECT_EQ(m.name, "scmoe");
  EXPECT_EQ(m.weak, "plan:my file.json,lambda=0.1");
  EXPECT_FLOAT_EQ(m.beta, 0.7f);
  EXPECT_EQ(parse_variant("plan:'a, b.json',lambda=0.2").routing, "plan:'a, b.json',lambda=0.2");
  EXPECT_EQ(parse_variant("'plan:a b.json'").routing, "plan:a b.json");
  EXPECT_EQ(parse_variant("greedy routing=plan:it's.json").routing, "plan:it's.json");
  expect_refusal([] { parse_variant("scmoe weak='rank:2"); }, ErrorKind::usage, "is not closed");
  expect_refusal([] { parse_variant("scmoe weak='rank:2'3"); }, ErrorKind::usage, "follows the quoted value");
  expect_refusal([] { parse_variant("scmoe 'beta'"); }, ErrorKind::usage, "is not name=value");
}

TEST(Variant, AnyValueThatIsQuotedReadsBack) {
  Random random(11);
  const std::string characters = "ab ,=+:|'\"\\";
  for (int i = 0; i < 500; ++i) {
    std::string path = "x";
    for (uint32_t n = random.below(8); n > 0; --n)
      path += characters[random.below(static_cast<uint32_t>(characters.size()))];
    const std::string policy = cat("plan:", quote(path), ",lambda=0.3");
    EXPECT_EQ(parse_variant(cat("scmoe weak=", quote(policy), " beta=0.7")).weak, policy);
    const auto variants = sweep_variants(cat("scmoe weak=", quote(policy), "|rank:1 beta=0.7"), {});
    ASSERT_EQ(variants.size(), 2u) << policy;
    EXPECT_EQ(parse_variant(variants[0]).weak, policy);
    EXPECT_EQ(parse_variant(variants[1]).weak, "rank:1");
  }
}

TEST(Variant, ItsNameShowsARoutingThatIsNotTheModelsOwn) {
  EXPECT_EQ(label("greedy"), "greedy");
  EXPECT_EQ(label("topk"), "greedy");
  EXPECT_EQ(label("topk:4"), "topk:4");
  EXPECT_EQ(label("greedy routing=rank:2"), "rank:2");
  EXPECT_EQ(label("scmoe routing=topk:4"), "scmoe(weak=rank:2,alpha=0.1,beta=0.5,exec=auto) topk:4");
  EXPECT_EQ(label("dola routing=rank:1"), label("dola") + " rank:1");
  EXPECT_EQ(variant_label("greedy", "plan:'/tmp/out, 2/my plan.json',lambda=0.1"),
            "plan:'my plan.json',lambda=0.1");
  EXPECT_EQ(variant_label("greedy", "plan:out/p.json,lambda=0.1+mask:1.2"),
            "plan:p.json,lambda=0.1+mask:1.2");
  EXPECT_EQ(variant_label("greedy", "replay:out/t.jsonl+mask:1.2"), "replay:t.jsonl+mask:1.2");
}

TEST(Sweep, ThatNoMethodTakesIsRefusedByName) {
  const auto check = [](std::vector<std::string> methods, const std::string& sweep) {
    const Sweep sweeps[] = {parse_sweep(sweep)};
    check_sweeps(methods, sweeps);
  };
  check({"greedy", "scmoe"}, "beta=0.1|0.5");
  check({"greedy"}, "routing=topk|rank:2");
  expect_refusal(
      [&] {
        check({"greedy", "dola"}, "beta=0.1|0.5");
      },
      ErrorKind::usage, "sweep beta: no method given reads it and leaves it open (greedy; dola)");
  expect_refusal([&] { check({"scmoe beta=0.3"}, "beta=0.1|0.5"); }, ErrorKind::usage, "leaves it open");
  EXPECT_EQ(parse_sweep("relative_top=0.1|0.2").name, "relative-top") << "as variants and batches write it";
  const Sweep sweeps[] = {parse_sweep("relative_top=0.1|0.2")};
  EXPECT_EQ(sweep_variants("dola", sweeps).size(), 2u);
  EXPECT_EQ(parse_sweep("routing='plan:a|b.json'|topk").values,
            (std::vector<std::string>{"'plan:a|b.json'", "topk"}));
}

TEST(Names, WorkInBatchesOfTheCommandLine) {
  const TempDir dir;
  const std::string model = " -m " + golden("mixtral.gguf") + " --raw -n 4 ", trace = dir / "t.jsonl";
  ASSERT_EQ(rouse("trace" + model + "-p 'the of' --routing rank:2 -o " + trace).code, 0);
  std::ofstream(dir / "in.jsonl") << R"({"id":1,"prompt":"the of","routing":"replay:walk"})"
                                  << "\n"
                                  << R"({"id":2,"prompt":"the of","routing":"replay:)" << trace << "\"}\n"
                                  << R"({"id":3,"prompt":"the of","method":"careful","alpha":0.5})"
                                  << "\n";
  const CommandResult r = rouse("run" + model + "--name walk=" + trace +
                                " --preset careful='scmoe beta=0.8 weak=rank:3' --batch " + dir / "in.jsonl" +
                                " -o " + dir / "out.jsonl");
  ASSERT_EQ(r.code, 0) << r.err;
  std::vector<nlohmann::json> rows;
  std::istringstream in(read_file(dir / "out.jsonl"));
  for (std::string line; std::getline(in, line);) rows.push_back(nlohmann::json::parse(line));
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a["id"] < b["id"]; });
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0]["policy"], "replay:walk");
  EXPECT_EQ(rows[0]["tokens"], rows[1]["tokens"]);
  EXPECT_EQ(rows[2]["method"], "scmoe(weak=rank:3,alpha=0.5,beta=0.8,exec=auto)");
}

}  // namespace rouse
