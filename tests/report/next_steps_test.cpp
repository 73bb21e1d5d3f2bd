#include "report/next_steps.h"

#include "model/describe.h"
#include "support.h"

namespace rouse {

TEST(NextSteps, SayWhatToTypeAndWhatItTakes) {
  const auto description = describe(GgufFile(golden("mixtral.gguf")));
  ASSERT_TRUE(description.spec);
  const auto steps = next_steps(description.json, &*description.spec, 1e9);
  ASSERT_EQ(steps.size(), 3u);
  const double bytes = description.json["weight_bytes_per_token"];
  EXPECT_DOUBLE_EQ(steps[0].seconds, bytes * 128 / 1e9);
  EXPECT_GT(steps[0].memory, description.json["bytes"].get<uint64_t>());
  EXPECT_NE(steps[1].command.find("--with topk:1"), std::string::npos) << steps[1].command;
  const auto dense = describe(GgufFile(golden("qwen3.gguf")));
  EXPECT_EQ(next_steps(dense.json, &*dense.spec, 1e9).size(), 1u) << "a dense model has no routing to try";
  EXPECT_EQ(time_text(0.42), "0.4 s");
  EXPECT_EQ(time_text(720), "12 min");
  EXPECT_EQ(time_text(11160), "3.1 h");
}

/// The commands work as they are printed.
TEST(NextSteps, RunAsPrinted) {
  const auto j = nlohmann::json::parse(rouse("inspect --json " ROUSE_MODELS "/rouse-lab.gguf").out);
  EXPECT_EQ(j["engine"], "native");
  ASSERT_EQ(j["next"].size(), 3u);
  for (const auto& step : j["next"]) {
    const std::string command = step["command"];
    const CommandResult r = rouse(command.substr(command.find(' ') + 1));
    EXPECT_EQ(r.code, 0) << command << "\n" << r.err;
  }
}

}  // namespace rouse
