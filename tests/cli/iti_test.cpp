/// `rouse iti fit` and --iti end to end: what is said of heads that know nothing, and defaults that leave a
/// small model whole.
#include "decoding/iti.h"

#include "support.h"

namespace rouse {
namespace {

const std::string kModel = " -m " + golden("mixtral.gguf") + " ";

/// Twelve questions; what is true of an answer shows in its last word, or in nothing.
std::string questions(const TempDir& dir, bool told) {
  std::ofstream out(dir / "iti.jsonl");
  for (int i = 0; i < 12; ++i) {
    const std::string good = told ? "man" : i % 2 ? "hen" : "man", bad = good == "man" ? "hen" : "man";
    out << nlohmann::json{{"question", cat("the ", i)},
                          {"correct_answers", {good}},
                          {"incorrect_answers", {bad}}}
        << '\n';
  }
  return dir / "iti.jsonl";
}

}  // namespace

TEST(ItiFit, SaysWhereHeadsDoNotBeatTheCommonerAnswer) {
  const TempDir dir;
  const std::string fit = "iti fit" + kModel + "--data ", to = " -o " + dir / "h.iti";
  const std::string warning = "these heads do not surely beat always giving the commoner verdict";
  const CommandResult unsure = rouse(fit + questions(dir, false) + to);
  ASSERT_EQ(unsure.code, 0) << unsure.err;
  EXPECT_NE(unsure.out.find(warning), std::string::npos) << unsure.out;
  const CommandResult sure = rouse(fit + questions(dir, true) + to + " --force");
  ASSERT_EQ(sure.code, 0) << sure.err;
  EXPECT_EQ(sure.out.find(warning), std::string::npos) << sure.out;
  const auto json = nlohmann::json::parse(rouse(fit + questions(dir, false) + to + " --force --json").out);
  EXPECT_TRUE(json["warning"].get<std::string>().starts_with(warning));
  EXPECT_EQ(json["report"]["folds"][0]["heads"], 1) << "of 12 heads the paper's share is less than one";
}

TEST(Iti, DefaultsAreThePapersShareOfTheModel) {
  EXPECT_EQ(usual_iti_heads(1024), 48);
  EXPECT_EQ(usual_iti_heads(48), 2);
  EXPECT_EQ(usual_iti_heads(8), 1);
  EXPECT_EQ(usual_iti_alpha(4096), 15);
  EXPECT_EQ(usual_iti_alpha(192), 0.7f);
}

TEST(Iti, TheDefaultsLeaveTheDefaultModelWhole) {
  const TempDir dir;
  const std::string plain = "ROUSE_THREADS=1 ", file = dir / "h.iti";
  ASSERT_EQ(rouse("iti fit --task lab_contrast --limit 40 --dev-share 0.5 -o " + file, plain).code, 0);
  const std::string ask = "run -p 'What is the capital of China?' -n 8 --json --iti " + file;
  const auto usual = nlohmann::json::parse(rouse(ask, plain).out);
  EXPECT_NE(usual["text"].get<std::string>().find("Beijing"), std::string::npos) << usual["text"];
  EXPECT_NE(usual["method"].get<std::string>().find("iti-alpha=0.7,iti-heads=2"), std::string::npos)
      << usual["method"];
  const auto papers = nlohmann::json::parse(rouse(ask + " --iti-heads 48 --iti-alpha 15", plain).out);
  EXPECT_EQ(papers["text"].get<std::string>().find("Beijing"), std::string::npos) << "what is given is taken";
}

}  // namespace rouse
