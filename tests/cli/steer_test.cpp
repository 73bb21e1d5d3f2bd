/// `rouse steer`: the way from texts, or a published list, to a steered run.
#include "routing/steer.h"

#include "support.h"

namespace rouse {

TEST(SteerFit, GoesFromTextsToASteeredRun) {
  const TempDir dir;
  std::ofstream(dir / "a.jsonl") << R"({"text":"the man and the hen"})"
                                 << "\n"
                                 << R"({"prompt":"say: ","text":"in the inn","note":1})"
                                 << "\n";
  std::ofstream(dir / "b.jsonl") << R"({"text":"1 2 3 4 5 6"})"
                                 << "\n"
                                 << R"({"prompt":"say: ","text":"77 88 99"})"
                                 << "\n";
  const std::string model = " -m " + golden("mixtral.gguf") + " ", file = dir / "s.json";
  const std::string fit = "steer fit" + model + "--for " + dir / "a.jsonl" + " --against " + dir / "b.jsonl";
  const CommandResult made = rouse(fit + " -o " + file + " --json");
  ASSERT_EQ(made.code, 0) << made.err;
  const auto report = nlohmann::json::parse(made.out);
  EXPECT_EQ(report["experts"].size(), 10u);
  EXPECT_EQ(read_steer(file).options["pairs"], 2);
  EXPECT_EQ(rouse(fit + " -o " + file).code, 2) << "is there already";
  EXPECT_EQ(
      rouse("steer fit" + model + "--for " + dir / "a.jsonl" + " --against /nowhere -o " + dir / "x").code,
      2);

  const std::string run = "run" + model + "--raw -p 'the man' -n 6 --json --routing ";
  const auto plain = nlohmann::json::parse(rouse(run + "topk").out);
  const CommandResult steered = rouse(run + "topk+steer:" + file + ",n=6");
  ASSERT_EQ(steered.code, 0) << steered.err;
  EXPECT_NE(nlohmann::json::parse(steered.out)["policy"].get<std::string>().find("+steer:"),
            std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(rouse(run + "topk+steer:" + file + ",strength=0").out)["tokens"],
            plain["tokens"]);
  EXPECT_EQ(rouse(run + "topk+steer:/nowhere").code, 3);
  const std::string named =
      rouse("run" + model + "--raw -p 'the man' -n 6 --json --name s=" + file + " --routing topk+steer:s,n=6")
          .out;
  EXPECT_EQ(nlohmann::json::parse(named)["tokens"], nlohmann::json::parse(steered.out)["tokens"]);
}

TEST(SteerImport, TakesAPublishedList) {
  const TempDir dir;
  std::ofstream(dir / "list.jsonl") << R"({"layer":1,"expert":3,"risk_diff":-0.4,"risk_diff_abs":0.4})"
                                    << "\n"
                                    << R"({"layer":0,"expert":7,"risk_diff":0.25})"
                                    << "\n";
  const std::string model = " -m " + golden("mixtral.gguf") + " ";
  const CommandResult r = rouse("steer import" + model + dir / "list.jsonl" + " -o " + dir / "s.json");
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("1.3  -0.400\n  0.7  +0.250"), std::string::npos) << r.out;
  const SteerFile file = read_steer(dir / "s.json");
  EXPECT_EQ(file.difference[1][3], -0.4);
  EXPECT_TRUE(std::isnan(file.difference[0][0])) << "not listed";
  EXPECT_NO_THROW(RoutingPolicy("topk+steer:" + dir / "s.json", TinyModel(golden("mixtral.gguf")).router()));
  std::ofstream(dir / "list.jsonl", std::ios::app) << R"({"layer":0,"expert":7,"risk_diff":0.5})";
  const CommandResult twice = rouse("steer import" + model + dir / "list.jsonl" + " -o " + dir / "t.json");
  EXPECT_EQ(twice.code, 2);
  EXPECT_NE(twice.err.find("list.jsonl:3: expert is 7, expected an expert that is not listed before"),
            std::string::npos)
      << twice.err;
}

}  // namespace rouse
