#include "routing/policy.h"

#include "base/quoting.h"
#include "base/random.h"
#include "routing/plan.h"
#include "routing/route.h"
#include "routing/trace.h"
#include "support.h"

namespace rouse {
namespace {

RouterSpec router() {
  RouterSpec r;
  r.n_expert = 8;
  r.n_expert_used = 2;
  r.layers = {1, 2, 3};
  return r;
}

}  // namespace

TEST(Policy, PrintsItselfBackCanonically) {
  for (const auto& [text, canonical] :
       std::vector<std::pair<std::string, std::string>>{{"topk", "topk"},
                                                        {"topk:4", "topk:4"},
                                                        {"rank:2", "rank:2"},
                                                        {"random:1", "random:1,seed=0"},
                                                        {"random:2,seed=7", "random:2,seed=7"},
                                                        {"dynamic:0.60", "dynamic:0.6"},
                                                        {"dynamic:0.6,max=4", "dynamic:0.6,max=4"},
                                                        {"topk+mask:3.5,1.2,3.5", "topk+mask:1.2,3.5"}}) {
    const RoutingPolicy policy(text, router());
    EXPECT_EQ(policy.text(), canonical);
    EXPECT_EQ(RoutingPolicy(policy.text(), router()).text(), canonical);
    EXPECT_EQ(RoutingPolicy(policy.text(), router()).hash(), policy.hash());
  }
}

/// File names as users have them: whatever separates values elsewhere.
TEST(Policy, AFileOfAnyNameIsWrittenInQuotesAndReadsBack) {
  const TempDir dir;
  Random random(7);
  const std::string characters = "ab ,=+:|'\"\\.()*?#\t";
  Plan plan = Plan::empty(router(), "llama", 4);
  plan.fingerprint = "abc";
  for (int i = 0; i < 60; ++i) {
    std::string name = "/";
    for (uint32_t n = 1 + random.below(9); n > 0; --n)
      name += characters[random.below(static_cast<uint32_t>(characters.size()))];
    const std::string path = dir.path.string() + name + "x";
    save_plan(plan, path);
    const RoutingPolicy policy(cat("plan:", quote(path), ",lambda=0.25+mask:1.2"), router());
    const RoutingPolicy again(policy.text(), router());
    EXPECT_EQ(again.text(), policy.text());
    EXPECT_EQ(again.hash(), policy.hash());
    EXPECT_EQ(policy.text(), cat("plan:", quote(path), ",lambda=0.25+mask:1.2"));
    std::ofstream trace(path);
    write_trace_header(trace, "llama", router());
    write_trace_row(trace, {0, 5, {{0, 1}, {2, 3}, {4, 5}}, {{0.5f, 0.5f}, {0.5f, 0.5f}, {0.5f, 0.5f}}});
    trace.close();
    const std::string replay = RoutingPolicy("replay:" + quote(path), router()).text();
    EXPECT_EQ(RoutingPolicy(replay, router()).text(), replay);
  }
  expect_refusal([] { RoutingPolicy("plan:'a.json", router()); }, ErrorKind::usage,
                 "the quote ' is not closed");
  expect_refusal([] { RoutingPolicy("plan:'a.json'b", router()); }, ErrorKind::usage,
                 "follows the quoted value");
}

TEST(Policy, EveryRegisteredKindHasHelp) {
  for (const ChoiceEntry& entry : choice_registry()) {
    EXPECT_NE(std::string(entry.help), "");
    EXPECT_NE(policy_help().find(entry.usage), std::string::npos);
  }
}

TEST(Policy, RefusesWhatCannotBe) {
  const auto refused = [](const std::string& text, const std::string& part) {
    expect_refusal([&] { RoutingPolicy(text, router()); }, ErrorKind::usage, part);
  };
  refused("best", "unknown routing policy \"best\"");
  refused("", "unknown routing policy");
  refused("topk:", "nothing after the colon");
  refused("topk:0", "expected at least 1");
  refused("topk:9", "expected 1 to 8");
  refused("topk:two", "not a whole number");
  refused("topk:2,x=1", "unknown option x");
  refused("rank", "expected rank:J");
  refused("rank:0", "expected rank:J");
  refused("rank:9", "expected 1 to 8");
  refused("random:9", "expected 1 to 8");
  refused("random:1,seed=-1", "negative");
  refused("dynamic:0", "P in (0, 1]");
  refused("dynamic:1.5", "P in (0, 1]");
  refused("dynamic:nan", "not a number");
  refused("dynamic:0.5,max=0", "at least 1");
  refused("topk+mask:", "not LAYER.EXPERT");
  refused("topk+mask:0.1", "block 0 is no MoE layer");
  refused("topk+mask:1.8", "outside 0..7");
  refused("topk+mask:1.0,1.1,1.2,1.3,1.4,1.5,1.6", "leaves 1 experts in block 1, needed are 2");
  refused("dynamic:0.5+mask:1.0,1.1,1.2,1.3,1.4,1.5,1.6,1.7", "leaves 0 experts");
  expect_refusal([] { RoutingPolicy("replay:/nonexistent", router()); }, ErrorKind::bad_file, "cannot open");
}

TEST(Policy, ADenseModelHasOnlyItsOwnRule) {
  EXPECT_EQ(RoutingPolicy("topk", RouterSpec{}).text(), "topk");
  expect_refusal([] { RoutingPolicy("rank:1", RouterSpec{}); }, ErrorKind::usage, "dense");
}

/// By the model's rule over the gates of the trace: nothing of the present router is left.
TEST(Trace, ReplayWithGatesWeighsAsWasRecorded) {
  const TempDir dir;
  const std::string header = R"({"format":"rouse-trace","version":1,"n_expert":8,"layers":[1,2,3]})"
                             "\n";
  std::ofstream(dir / "t.jsonl")
      << header
      << R"({"position":0,"token":1,"experts":[[0,1],[2,3],[4,5]],"gates":[[0.6,0.2],[0.3,0.1],[0.5,0.5]]})"
      << "\n";
  std::ofstream(dir / "bare.jsonl") << header << R"({"position":0,"token":1,"experts":[[0,1],[2,3],[4,5]]})"
                                    << "\n";
  RouterSpec spec = router();
  const std::vector<float> logits{1, 2, 3, 4, 5, 6, 7, 8};
  RouteScratch scratch;
  for (const bool renormalize : {true, false}) {
    spec.renormalize = renormalize;
    spec.scale = 2;
    const RoutingPolicy policy("replay:" + dir / "t.jsonl" + ",gates", spec);
    EXPECT_EQ(RoutingPolicy(policy.text(), spec).text(), policy.text());
    int ids[2];
    float weights[2];
    ASSERT_EQ(route_row(policy, 1, 0, logits, {}, ids, weights, scratch), 2);
    EXPECT_EQ(ids[0], 0);
    EXPECT_FLOAT_EQ(weights[0], renormalize ? 1.5f : 1.2f);
    EXPECT_FLOAT_EQ(weights[1], renormalize ? 0.5f : 0.4f);
  }
  expect_refusal([&] { RoutingPolicy("replay:" + dir / "bare.jsonl" + ",gates", router()); },
                 ErrorKind::bad_file, "no gates to weigh by");
}

TEST(Trace, ReplayRefusesAnotherShapeAndALaterPosition) {
  const TempDir dir;
  const auto write = [&](const std::string& text) {
    std::ofstream(dir / "t.jsonl") << text;
    return "replay:" + dir / "t.jsonl";
  };
  const std::string header = R"({"format":"rouse-trace","version":1,"n_expert":8,"layers":[1,2,3]})"
                             "\n";
  const std::string good = write(header + R"({"position":0,"token":1,"experts":[[0,1],[2,3],[4,5]]})"
                                          "\n");
  const RoutingPolicy policy(good, router());
  EXPECT_EQ(policy.choice().max_count(2), 2);
  policy.choice().admit(0);
  expect_refusal([&] { policy.choice().admit(1); }, ErrorKind::bad_file, "1 positions");
  expect_refusal([&] { RoutingPolicy(good + "+mask:2.3", router()); }, ErrorKind::usage,
                 "which the mask forbids");
  RouterSpec other = router();
  other.n_expert = 16;
  expect_refusal([&] { RoutingPolicy(good, other); }, ErrorKind::bad_file, "3 MoE layers x 8 experts");
  for (const auto& [row, part] : std::vector<std::pair<std::string, std::string>>{
           {R"({"position":0,"experts":[[0,8],[2,3],[4,5]]})",
            "experts[0][1] is 8, expected an integer of 0 to 7"},
           {R"({"position":0,"experts":[[-1],[2,3],[4,5]]})",
            "t.jsonl:2: experts[0][0] is -1, expected an integer of 0 to 7"},
           {R"({"position":0,"experts":[[1,1],[2,3],[4,5]]})",
            "experts[0] is [1,1], expected experts that differ"},
           {R"({"position":0,"experts":[[],[2,3],[4,5]]})", "experts[0] is [], expected a list of 1 to 8"},
           {R"({"position":0,"experts":[[1],[2]]})", "experts is [[1],[2]], expected a list of 3"},
           {R"({"position":3,"experts":[[1],[2],[3]]})", "position is 3, expected an integer of 0 to 0"},
           {R"({"position":0,"experts":[[0.9],[2],[3]]})", "experts[0][0] is 0.9, expected an integer"},
           {R"({"position":0,"experts":[[true],[2],[3]]})", "experts[0][0] is true, expected an integer"},
           {R"({"position":0,"experts":[[4294967296],[2],[3]]})", "experts[0][0] is 4294967296, expected"},
           {R"({"position":0,"experts":[[1],[2],[3]],"gates":[[0.5],[0.1,0.2],[1]]})",
            "gates[1] is [0.1,0.2], expected a list of 1"},
           {R"({"position":0,"experts":[[1],[2],[3]],"colour":1})", "unknown field \"colour\""},
           {R"({"position":0)", "t.jsonl:2: is broken JSON: parse error"}})
    expect_refusal([&, row = row] { read_trace(write(header + row + "\n").substr(7)); }, ErrorKind::bad_file,
                   part);
  expect_refusal([&] { read_trace(write("{}\n").substr(7)); }, ErrorKind::bad_file,
                 "t.jsonl:1: field format is missing");
  expect_refusal([&] { read_trace(write(header).substr(7)); }, ErrorKind::bad_file, "no rows");
}

}  // namespace rouse
