/// Samples of one text under several policies, as `rouse run` and `rouse eval` make them.
#include "support.h"

namespace rouse {

TEST(PerSample, EverySampleHasARoutingOfItsOwn) {
  const std::string run =
      "run -m " + golden("mixtral.gguf") + " --raw -p 'the of in' -n 6 --kv-type f32 --vote line --json";
  const CommandResult r =
      rouse(run + " --samples 4 --routing-per-sample topk:1,topk:2,\"'explore:2,keep=1'\",topk:1");
  EXPECT_EQ(r.code, 2) << "two samples would be the same";
  EXPECT_NE(r.err.find("--routing-per-sample with a policy for each"), std::string::npos) << r.err;
  const CommandResult four =
      rouse(run + " --samples 4 --routing-per-sample topk:1,topk:2,\"'explore:2,keep=1'\",topk:4");
  ASSERT_EQ(four.code, 0) << four.err;
  const auto samples = nlohmann::json::parse(four.out)["samples"];
  const char* policies[] = {"topk:1", "topk:2", "explore:2,keep=1,pool=2,temp=1,seed=2", "topk:4"};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(samples[i]["policy"], policies[i]);
    const auto alone = nlohmann::json::parse(
        rouse("run -m " + golden("mixtral.gguf") +
              " --raw -p 'the of in' -n 6 --kv-type f32 --json --routing " + policies[i])
            .out);
    EXPECT_EQ(samples[i]["tokens"], alone["tokens"]) << policies[i] << " with a prompt of its own";
  }
  const CommandResult drawn = rouse(run + " --temp 1 --samples 4 --routing-per-sample topk:1,topk:2");
  ASSERT_EQ(drawn.code, 0) << drawn.err;
  EXPECT_EQ(nlohmann::json::parse(drawn.out)["samples"][2]["policy"], "topk:1") << "in turn";
  const CommandResult single =
      rouse("run -m " + golden("mixtral.gguf") + " --raw -p 'the of in' -n 6 --routing-per-sample topk:1");
  EXPECT_EQ(single.code, 2);
  EXPECT_NE(single.err.find("--routing-per-sample is for several samples of one text"), std::string::npos)
      << single.err;
}

TEST(PerSample, BenchmarksVoteOverThem) {
  const TempDir dir;
  const std::string eval = "eval --tasks lab_arithmetic --limit 2 -n 8 --kv-type f32 -c 128 -o " + dir / "o";
  const CommandResult r =
      rouse(eval + " --samples 2 --methods 'greedy routing-per-sample=topk:1,topk:2' --json");
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("routing-per-sample=topk:1,topk:2"), std::string::npos) << "the result names them";
  EXPECT_EQ(rouse("eval --tasks lab_arithmetic --limit 2 -n 8 -o " + dir / "p" +
                  " --methods 'greedy routing-per-sample=topk:1,topk:2'")
                .code,
            2)
      << "one sample";
}

}  // namespace rouse
