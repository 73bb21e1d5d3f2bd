/// `rouse steer`: rates against float64 NumPy, files by hand, and the way from texts to a steered run.
#include <cmath>

#include "calibration/steer_fit.h"
#include "support.h"

namespace rouse {
namespace {

ModelOptions mixtral() {
  ModelOptions o;
  o.model = golden("mixtral.gguf"), o.n_ctx = 256, o.n_thread = 1, o.kv_type = "f32";
  return o;
}

}  // namespace

TEST(SteerFit, RatesEqualTheirReference) {
  const auto c = golden_json("routing.json")["steering"];
  const Session session(mixtral());
  const auto texts = [&](const char* key) {
    std::vector<SteerText> out;
    for (const auto& tokens : c[key]) out.push_back({tokens.get<std::vector<int>>(), c["first"]});
    return out;
  };
  const SteerFile file = fit_steer(session, texts("wanted"), texts("unwanted"));
  EXPECT_EQ(file.n_for, 32);
  EXPECT_EQ(file.n_against, 32);
  EXPECT_EQ(file.fingerprint, session.engine->file().fingerprint());
  const auto expected = c["difference"].get<std::vector<std::vector<double>>>();
  ASSERT_EQ(file.difference.size(), expected.size());
  for (size_t l = 0; l < expected.size(); ++l) {
    double sum = 0;
    for (size_t e = 0; e < expected[l].size(); ++e) {
      EXPECT_NEAR(file.difference[l][e], expected[l][e], 1e-12) << l << "." << e;
      sum += file.difference[l][e];
    }
    EXPECT_NEAR(sum, 0, 1e-12) << "either side activates k a row";
  }
  EXPECT_EQ(steer_text(parse_steer(steer_text(file), "f")), steer_text(file));
  auto fewer = texts("unwanted");
  fewer.pop_back();
  expect_refusal([&] { fit_steer(session, texts("wanted"), fewer); }, ErrorKind::usage,
                 "there are 4 texts for and 3 against");
}

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
