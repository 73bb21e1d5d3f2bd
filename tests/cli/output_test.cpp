/// What commands leave: files that are whole and not overwritten, standard output that says when it was lost.
#include "support.h"

namespace rouse {
namespace {

const std::string kModel = " -m " + golden("mixtral.gguf") + " ";

void refused(const std::string& arguments, const std::string& part) {
  const CommandResult r = rouse(arguments);
  EXPECT_EQ(r.code, 2) << arguments << "\n" << r.err;
  EXPECT_NE(r.err.find(part), std::string::npos) << arguments << "\n" << r.err;
}

/// Six documents of twenty tokens.
std::string calibration_text(const TempDir& dir) {
  std::ofstream text(dir / "t.jsonl");
  for (int d = 0; d < 6; ++d) {
    text << "{\"tokens\":[271";
    for (int i = 1; i < 20; ++i) text << "," << (i * 37 + d * 11) % 271;
    text << "]}\n";
  }
  return dir / "t.jsonl";
}

/// The exit code of rouse where its standard output goes to `shell` ("> /dev/full", "| head -c 5").
CommandResult redirected(const std::string& arguments, const std::string& shell) {
  const TempDir dir;
  const std::string command = "bash -c 'ROUSE_THREADS=1 " ROUSE_BINARY " " + arguments + " 2>" + dir / "err" +
                              " </dev/null " + shell + "; echo ${PIPESTATUS[0]} >" + dir / "code" + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
  return {std::stoi(read_file(dir / "code")), "", read_file(dir / "err")};
}

}  // namespace

TEST(Output, ThatIsLostFailsTheCommand) {
  const TempDir dir;
  ASSERT_EQ(rouse("plan uniform" + kModel + "-o " + dir / "p.json").code, 0);
  for (const std::string& command :
       {std::string("--help"), std::string("--version"), std::string("methods"),
        std::string("inspect --list --json"), "plan show " + dir / "p.json",
        "plan show --json " + dir / "p.json", std::string("data list"),
        "run" + kModel + "--raw -p the -n 2 --json", "run" + kModel + "--raw -p the -n 200 --ignore-eos",
        "trace" + kModel + "--raw -p the"}) {
    const CommandResult r = redirected(command, ">/dev/full");
    EXPECT_EQ(r.code, 1) << command;
    EXPECT_NE(r.err.find("standard output: cannot write"), std::string::npos) << command << "\n" << r.err;
  }
}

TEST(Output, ThatNobodyReadsAnyMoreEndsTheGeneration) {
  for (const std::string command : {"run --raw -n 2000 --ignore-eos -p the", "trace --raw -n 2000 -p the"}) {
    // A pipe whose reader has opened it and gone: one that is still to go may come after a short answer.
    const TempDir dir;
    const std::string pipe = dir / "pipe";
    const std::string shell = cat("bash -c 'mkfifo ", pipe, "; (: <", pipe, ") & exec 3>", pipe,
                                  "; wait; ROUSE_THREADS=1 " ROUSE_BINARY " ", command, kModel,
                                  "-c 4096 >&3 2>", dir / "err", " </dev/null; echo $? >", dir / "code", "'");
    ASSERT_EQ(std::system(shell.c_str()), 0);
    EXPECT_EQ(read_file(dir / "code"), "141\n");
    EXPECT_EQ(read_file(dir / "err"), "")
        << "quietly, and before the line that says how fast 2,000 tokens were";
  }
}

TEST(Output, AnAnswerGoesToTheFileThatIsAskedFor) {
  const TempDir dir;
  const std::string run = "run" + kModel + "--raw -p the -n 4 --ignore-eos ";
  const CommandResult printed = rouse(run), written = rouse(run + "-o " + dir / "a");
  ASSERT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(written.out, "");
  EXPECT_EQ(read_file(dir / "a"), printed.out);
  refused(run + "-o " + dir / "a", "is there already; --force begins anew");
  ASSERT_EQ(rouse(run + "--json --force -o " + dir / "a").code, 0);
  EXPECT_EQ(nlohmann::json::parse(read_file(dir / "a"))["tokens"].size(), 4u);
  ASSERT_EQ(rouse(run + "--temp 1 --samples 2 --json -o " + dir / "s").code, 0);
  EXPECT_EQ(nlohmann::json::parse(read_file(dir / "s"))["samples"].size(), 2u);
}

TEST(Output, AFinishedProductOfAnyCommandIsNotOverwritten) {
  const TempDir dir;
  const std::string there = dir / "there", text = calibration_text(dir);
  std::ofstream(there) << "precious";
  const std::string out = " -o " + there;
  ASSERT_EQ(rouse("plan uniform" + kModel + "-o " + dir / "p.json").code, 0);
  for (const std::string& command :
       {"calibrate" + kModel + "--text " + text, "synth --vocab-from " + golden("llama.gguf"),
        "trace" + kModel + "--raw -p the", "plan uniform" + kModel, "plan random" + kModel,
        "plan from 1,2,3" + kModel, "plan shuffle " + dir / "p.json", "plan by-frequency " + dir / "p.json",
        "plan export --gguf " + golden("deepseek2.gguf") + " " + dir / "p.json",
        "iti fit" + kModel + "--data " + text})
    refused(command + out, "is there already; --force begins anew");
  EXPECT_EQ(read_file(there), "precious");
  refused("trace" + kModel + "--raw -p the --force -o " + golden("mixtral.gguf"), "is read by this command");
  refused("plan shuffle --force " + dir / "p.json" + " -o " + dir / "p.json", "is read by this command");
}

TEST(Output, ARefusedCalibrationLeavesNoStateAndAnotherIsNamed) {
  const TempDir dir;
  const std::string plan = dir / "p.json", calibrate = "calibrate" + kModel +
                                                       "--intensity paper --no-certify --text " +
                                                       calibration_text(dir) + " -o " + plan + " ";
  refused(calibrate + "--layers 9", "block 9 is not an MoE layer");
  EXPECT_FALSE(std::filesystem::exists(plan + ".state"));
  refused(calibrate + "--percentiles 0 100", "score more tokens or move the percentiles");
  EXPECT_FALSE(std::filesystem::exists(plan + ".state")) << "it would block the corrected command";
  ASSERT_EQ(rouse(calibrate + "--tokens 60").code, 0);
  std::filesystem::remove(plan);
  // An interrupted run of other settings.
  ASSERT_EQ(rouse(calibrate + "--tokens 40").code, 0);
  const std::string options = nlohmann::ordered_json::parse(read_file(plan))["options"].dump();
  std::filesystem::remove(plan);
  std::ofstream(plan + ".state")
      << R"({"format":"rouse-calibration","version":1,"fingerprint":"x","documents":1,)"
      << "\"options\":" << options << "}\n";
  const std::string state = read_file(plan + ".state");
  refused(calibrate + "--tokens 60", "tokens was 40, now it is 60");
  EXPECT_EQ(read_file(plan + ".state"), state) << "and left as it is";
  EXPECT_EQ(rouse(calibrate + "--tokens 60 --force").code, 0);
  EXPECT_TRUE(std::filesystem::exists(plan));
  EXPECT_FALSE(std::filesystem::exists(plan + ".state"));
}

}  // namespace rouse
