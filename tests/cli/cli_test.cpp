/// The command line end to end, on tiny models.
#include "session/open_model.h"
#include "support.h"

namespace rouse {
namespace {

const std::string kModel = " -m " + golden("mixtral.gguf") + " ";

void refused(const std::string& arguments, int code, const std::string& part) {
  const CommandResult r = rouse(arguments);
  EXPECT_EQ(r.code, code) << arguments << "\n" << r.err;
  EXPECT_NE((r.out + r.err).find(part), std::string::npos) << arguments << "\n" << r.out << r.err;
}

}  // namespace

TEST(Cli, RunPrintsOneJsonObject) {
  const CommandResult r = rouse("run" + kModel + "--raw -p 'the of' -n 6 --ignore-eos --json");
  ASSERT_EQ(r.code, 0) << r.err;
  const auto j = nlohmann::json::parse(r.out);
  for (const char* key : {"text", "tokens", "prompt_tokens", "timings", "cost", "policy", "method"})
    EXPECT_TRUE(j.contains(key)) << key;
  EXPECT_EQ(j["tokens"].size(), 6u);
  EXPECT_EQ(j["prompt_tokens"][0], 271) << "BOS";
  EXPECT_EQ(j["cost"]["expert_evaluations_per_token"], 6.0);
  std::string ids;
  for (const int t : j["prompt_tokens"]) ids += cat(ids.empty() ? "" : ",", t);
  const CommandResult again = rouse("run" + kModel + "--tokens " + ids + " -n 6 --ignore-eos --json");
  EXPECT_EQ(nlohmann::json::parse(again.out)["tokens"], j["tokens"]);
}

TEST(Cli, WithoutAModelItIsRouseLab2WithItsOwnSets) {
  const std::string plain = "ROUSE_THREADS=1 ";
  const CommandResult r = rouse("run -p 'What is the capital of China?' -n 16 --json", plain);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(nlohmann::json::parse(r.out)["text"].get<std::string>().find("Beijing"), std::string::npos)
      << r.out;
  EXPECT_EQ(nlohmann::json::parse(rouse("inspect --json", plain).out)["router"]["n_expert"], 64);
  const TempDir dir;
  for (const auto& [environment, invented] : {std::pair{plain, true}, {kEnvironment, false}}) {
    const std::string out = dir / (invented ? "lab2" : "lab");
    const CommandResult eval = rouse("eval --tasks lab_facts --limit 60 -c 256 -o " + out, environment);
    ASSERT_EQ(eval.code, 0) << eval.err;
    std::string samples;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out))
      if (entry.path().extension() == ".jsonl") samples += read_file(entry.path());
    EXPECT_EQ(samples.find("\"person.") != std::string::npos, invented)
        << "each model is asked its own facts";
  }
}

TEST(Cli, ScmoeTakesItsOptionsAndTheEnvironment) {
  const auto j = nlohmann::json::parse(
      rouse("run" + kModel +
            "--raw -p the -n 4 --json --method scmoe --weak rank:3 --alpha 0.2 --beta 0.7 --exec lazy")
          .out);
  EXPECT_EQ(j["method"], "scmoe(weak=rank:3,alpha=0.2,beta=0.7,exec=lazy)");
  setenv("ROUSE_METHOD", "scmoe", 1);
  const auto env = nlohmann::json::parse(rouse("run" + kModel + "--raw -p the -n 4 --json").out);
  unsetenv("ROUSE_METHOD");
  EXPECT_EQ(env["method"], "scmoe(weak=rank:2,alpha=0.1,beta=0.5,exec=auto)");
}

TEST(Cli, RefusesBadInputWithTheRightExitCode) {
  const std::string run = "run" + kModel + "--raw -p the ";
  refused(run + "--routing best", 2, "unknown routing policy");
  refused(run + "--routing rank:0", 2, "expected rank:J");
  refused(run + "--routing rank:9", 2, "expected 1 to 8");
  refused(run + "--routing topk:9", 2, "expected 1 to 8");
  refused(run + "--routing topk+mask:0.0,0.1,0.2,0.3,0.4,0.5,0.6,0.7", 2, "the mask leaves 0 experts");
  refused(run + "--method scmoe --alpha 0", 2, "--alpha is 0");
  refused(run + "--method scmoe --alpha 1.1", 2, "--alpha is 1.1");
  refused(run + "--method magic", 2, "unknown method");
  refused(run + "--temp -1", 2, "--temp is -1");
  refused(run + "-ngl 5", 2, "no GPU");
  refused(run + "-ot '.*=TPU'", 2, "unknown device");
  refused(run + "--no-such-flag", 2, "--no-such-flag");
  refused("run -m /nonexistent.gguf -p x", 3, "cannot open");
  refused("run -m " + golden("llama.json") + " -p x", 3, "begins with other bytes");
  refused("run" + kModel + "-p x", 2, "has no chat template");
  refused("run" + kModel, 2, "the prompt is empty");
  refused("run" + kModel + "--tokens 1,x", 2, "--tokens[1] is \"x\", expected an integer of 0 to 2147483647");
  refused("run" + kModel + "--tokens 1,99999999", 2, "--tokens[1] is 99999999, expected a token id of 0 to ");
  refused(run + "--beta 0.7", 2, "--beta has no effect on method greedy; it is for scmoe cd");
  refused(run + "--top-k=-1", 2, "--top-k is -1, expected an integer of 0 to 2147483647");
  refused(run + "--ctx-size 1e3", 2, "--ctx-size is 1000.0, expected an integer of 0 to 16777216");
  std::string many = "1";
  for (int i = 0; i < 300; ++i) many += ",1";
  refused("run" + kModel + "-c 256 --tokens " + many, 2, "raise -c");
  refused("", 2, "Usage: rouse COMMAND");
  EXPECT_EQ(rouse("--help").code, 0);
  EXPECT_TRUE(rouse("--version").out.starts_with("rouse 0.1.0\n  commit    "));
  const auto about = nlohmann::json::parse(rouse("--version --json").out);
  EXPECT_EQ(about["version"], "0.1.0");
  EXPECT_EQ(about["model"]["fingerprint"], GgufFile(default_model()).fingerprint());
  EXPECT_EQ(about["devices"].back()["name"], "CPU");
  EXPECT_FALSE(about["features"].empty());
  refused("--json run -p x", 2, "--json belongs behind the command");
}

TEST(Cli, BatchResumesWhereItStopped) {
  const TempDir dir;
  std::ofstream(dir / "in.jsonl") << R"({"id":"a","prompt":"the"})"
                                     "\n"
                                     R"({"id":"b","prompt":"of","method":"scmoe","n_predict":3})"
                                     "\n"
                                  << R"({"id":"c","prompt":"in","routing":"rank:2"})"
                                     "\n";
  const std::string command =
      "run" + kModel + "--raw -n 5 --ignore-eos --batch " + dir / "in.jsonl" + " -o " + dir / "out.jsonl";
  ASSERT_EQ(rouse(command).code, 0);
  const auto without_times = [](const std::string& text) {
    std::istringstream in(text);
    std::string line, out;
    while (std::getline(in, line)) {
      auto j = nlohmann::json::parse(line);
      j.erase("timings");
      out += j.dump() + "\n";
    }
    return out;
  };
  const std::string whole = read_file(dir / "out.jsonl");
  const std::string cut =
      whole.substr(0, whole.find('\n') + 30);  // as if it had died while writing the second answer
  std::ofstream(dir / "out.jsonl") << cut;
  ASSERT_EQ(rouse(command).code, 0);
  EXPECT_EQ(without_times(read_file(dir / "out.jsonl")), without_times(whole));
  std::ofstream(dir / "bad.jsonl") << R"({"id":1,"prompt":"a","colour":2})"
                                      "\n";
  refused("run" + kModel + "--batch " + dir / "bad.jsonl" + " -o " + dir / "x", 2,
          "bad.jsonl:1: unknown key \"colour\"");
  std::ofstream(dir / "part.jsonl") << R"({"id":1,"prompt":"a"})"
                                       "\n"
                                       R"({"id":2,"prompt":"a","routing":"rank:99"})"
                                       "\n";
  refused("run" + kModel + "--raw -n 2 --batch " + dir / "part.jsonl" + " -o " + dir / "p", 4,
          "1 of 2 prompts failed");
  refused("run" + kModel + "--batch " + dir / "in.jsonl", 2, "needs -o");
}

TEST(Cli, ALineOfABatchMayHaveSamplesAndDetails) {
  const TempDir dir;
  std::ofstream(dir / "in.jsonl")
      << R"({"id": "three", "tokens": [5, 6, 7], "n": 3, "temp": 0.8, "seed": 4, "log_probs": 2})"
      << "\n"
      << R"({"id": "one", "tokens": [5, 6, 7], "temp": 0.8, "seed": 5, "log_probs": 0, "experts": true})"
      << "\n"
      << R"({"id": "cold", "tokens": [5, 6, 7], "n": 2})"
      << "\n";
  const std::string command = "run" + kModel + "--kv-type f32 -n 6 --ignore-eos --batch " + dir / "in.jsonl" +
                              " -o " + dir / "out.jsonl";
  EXPECT_EQ(rouse(command).code, 4) << "samples at temperature 0 would be the same";
  std::map<std::string, nlohmann::json> rows;
  std::istringstream out(read_file(dir / "out.jsonl"));
  for (std::string line; std::getline(out, line);) {
    auto row = nlohmann::json::parse(line);
    rows[row["id"]] = row;
  }
  EXPECT_EQ(rows["cold"]["error"], "n is 2, but samples of one routing would be the same at temperature 0");
  const auto& samples = rows["three"]["samples"];
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_EQ(samples[1]["tokens"], rows["one"]["tokens"]) << "its seed is the next";
  for (const auto& sample : samples) {
    ASSERT_EQ(sample["log_probs"].size(), 6u);
    ASSERT_EQ(sample["top_log_probs"][0].size(), 2u);
  }
  EXPECT_EQ(samples[0]["top_log_probs"][0], samples[2]["top_log_probs"][0]) << "one prompt, one distribution";
  EXPECT_FALSE(samples[0].contains("experts"));
  EXPECT_EQ(rows["one"]["experts"].size(), 6u);
  EXPECT_EQ(rows["one"]["experts"][0].size(), 3u) << "by block";
  EXPECT_EQ(rows["one"]["experts"][0][0].size(), 2u);
  EXPECT_EQ(rouse(command).code, 4) << "what is answered is found again";
  refused("run" + kModel + "--tokens 5,6 -n 2 --experts", 2, "--json");
}

TEST(Cli, ATextThatFailsHalfWayCostsTheOthersOfItsBatchNothing) {
  const TempDir dir;
  const std::string trace = dir / "trace.jsonl";
  ASSERT_EQ(rouse("trace" + kModel + "--tokens 5,6,7 -n 3 -o " + trace).code, 0);
  const std::string routing = R"(, "routing": "replay:)" + trace + "\"}\n";
  std::ofstream(dir / "in.jsonl") << R"({"id": "whole", "tokens": [5, 6, 7], "n_predict": 3)" << routing
                                  << R"({"id": "ends", "tokens": [5, 6, 7])" << routing
                                  << R"({"id": "long", "tokens": [1, 2, 3, 4, 5, 6, 7, 8])" << routing
                                  << R"({"id": "free", "tokens": [5, 6, 7]})"
                                  << "\n";
  const CommandResult r = rouse("run" + kModel + "-n 12 --ignore-eos --parallel 4 --batch " +
                                dir / "in.jsonl" + " -o " + dir / "out.jsonl");
  EXPECT_EQ(r.code, 4) << r.err;
  std::map<std::string, nlohmann::json> rows;
  std::istringstream out(read_file(dir / "out.jsonl"));
  for (std::string line; std::getline(out, line);) {
    const auto row = nlohmann::json::parse(line);
    rows[row["id"]] = row;
  }
  EXPECT_EQ(rows["whole"]["tokens"].size(), 3u) << rows["whole"];
  EXPECT_EQ(rows["free"]["tokens"].size(), 12u) << rows["free"];
  for (const char* id : {"ends", "long"})
    EXPECT_NE(rows[id].value("error", "").find("the trace has 6 positions"), std::string::npos) << rows[id];
  refused("run" + kModel + "-n 12 --ignore-eos --tokens 5,6,7 --routing replay:" + trace, 3,
          "the trace has 6 positions, position 6 was asked for");
}

TEST(Cli, BatchRunsSideBySideWhatItRunsOneByOne) {
  const TempDir dir;
  std::ofstream in(dir / "in.jsonl");
  int id = 0;
  for (const char* options :
       {R"("method": "greedy")", R"("method": "dola", "dola_layers": "0,1")", R"("routing": "rank:2")",
        R"("method": "contrastive", "candidates": 3)", R"("method": "beam", "beams": 2)",
        R"("temp": 1.0, "seed": 4)", R"("method": "scmoe", "weak": "rank:3", "temp": 0.7)"})
    in << R"({"id": )" << ++id << R"(, "tokens": [271, 5, 9], )" << options << "}\n";
  in << R"({"id": 99, "tokens": [271], "method": "beam", "temp": 1.0})"
     << "\n";
  in.close();
  const std::string run = "run" + kModel + "--kv-type f32 -n 12 --batch " + dir / "in.jsonl" + " -o ";
  EXPECT_EQ(rouse(run + dir / "one").code, 4) << "one of them cannot be";
  EXPECT_EQ(rouse(run + dir / "many" + " --parallel 5").code, 4);
  std::map<int, std::string> texts[2];
  for (int i = 0; i < 2; ++i) {
    std::ifstream out(dir / (i ? "many" : "one"));
    for (std::string line; std::getline(out, line);) {
      const auto row = nlohmann::json::parse(line);
      texts[i][row["id"]] = row.contains("error") ? row["error"].get<std::string>() : row["tokens"].dump();
    }
  }
  EXPECT_EQ(texts[0].size(), 8u);
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_NE(texts[0][99].find("temp must stay 0"), std::string::npos);
}

TEST(Cli, SamplesVoteAndDocsHoldTheTableOfWhatGoesTogether) {
  const CommandResult r =
      rouse("run -c 128 -p 'What is the capital of France?' --temp 1 --samples 5 --vote line --json");
  ASSERT_EQ(r.code, 0) << r.err;
  const auto j = nlohmann::json::parse(r.out);
  EXPECT_EQ(j["vote"], "Paris");
  EXPECT_EQ(j["samples"].size(), 5u);
  EXPECT_EQ(j["major_at_k"].size(), 5u);
  EXPECT_EQ(j["samples"][3]["seed"], 3);
  EXPECT_EQ(rouse("run -p x --samples 3").code, 2) << "all the same at temperature 0";
  const std::string table = rouse("methods --markdown").out,
                    docs = read_file(ROUSE_GOLDEN "/../../docs/methods.md");
  EXPECT_NE(docs.find(table), std::string::npos)
      << "docs/methods.md: put in what `rouse methods --markdown` prints";
}

TEST(Cli, ATraceReplaysToTheSameText) {
  const TempDir dir;
  ASSERT_EQ(rouse("trace" + kModel + "--raw -p 'the of in' -n 8 --routing rank:2 -o " + dir / "t.jsonl").code,
            0);
  const auto direct =
      nlohmann::json::parse(rouse("run" + kModel + "--raw -p 'the of in' -n 8 --routing rank:2 --json").out);
  const CommandResult replayed =
      rouse("run" + kModel + "--raw -p 'the of in' -n 8 --json --routing replay:" + dir / "t.jsonl");
  ASSERT_EQ(replayed.code, 0) << replayed.err;
  EXPECT_EQ(nlohmann::json::parse(replayed.out)["tokens"], direct["tokens"]);
  refused("run -m " + golden("deepseek.gguf") + " --raw -p the --routing replay:" + dir / "t.jsonl", 3,
          "a trace of 3 MoE layers x 8 experts");
  refused("run" + kModel + "--raw -p 'the of in' -n 40 --ignore-eos --routing replay:" + dir / "t.jsonl", 3,
          "positions");
}

TEST(Cli, InspectExplainsAFile) {
  const auto list = nlohmann::json::parse(rouse("inspect --list --json").out)["architectures"];
  EXPECT_EQ(list.size(), arch_registry().size());
  const auto j = nlohmann::json::parse(rouse("inspect --json " + golden("deepseek.gguf")).out);
  EXPECT_EQ(j["arch"], "deepseek");
  EXPECT_EQ(j["router"]["n_expert"], 8);
  EXPECT_EQ(j["router"]["weights"], "raw");
  EXPECT_EQ(j["router"]["leading_dense_layers"], 1);
  EXPECT_NE(rouse("inspect " + golden("mixtral.gguf")).out.find("3 layers of 8 experts"), std::string::npos);
  EXPECT_NE(rouse("inspect --keys " + golden("llama.gguf")).out.find("tokenizer.ggml.tokens"),
            std::string::npos);
}

TEST(Cli, CompareSetsMethodsSideBySide) {
  const auto j = nlohmann::json::parse(
      rouse("compare" + kModel +
            "--raw -p the -n 8 --json --with greedy --with 'scmoe weak=rank:4' --with topk:4")
          .out);
  ASSERT_EQ(j["rows"].size(), 3u);
  EXPECT_EQ(j["rows"][0]["variant"], "greedy");
  EXPECT_EQ(j["rows"][2]["variant"], "topk:4");
  for (const auto& row : j["rows"])
    EXPECT_FALSE(row.contains("step_ratio_to_greedy")) << "one run has no ratio";
  EXPECT_TRUE(j["rows"][1].contains("unchosen_share"));
  EXPECT_EQ(j["rows"][2]["cost"]["expert_evaluations_per_token"], 12.0);
  EXPECT_NE(rouse("compare" + kModel + "--raw -p the -n 8").out.find("expert evaluations a token"),
            std::string::npos);
  const auto repeated = nlohmann::json::parse(
      rouse("compare" + kModel +
            "--raw -p the -n 3 --ignore-eos --json --repeat 3 --with 'scmoe routing=topk:4'")
          .out);
  EXPECT_EQ(repeated["rows"][0]["step_ratio_to_greedy"], 1.0);
  EXPECT_EQ(repeated["rows"][1]["step_ratio_to_greedy_interval"].size(), 2u);
  EXPECT_EQ(repeated["rows"][1]["variant"], "scmoe(weak=rank:2,alpha=0.1,beta=0.5,exec=auto) topk:4");
  refused("compare" + kModel + "--raw -p the --with 'scmoe weak'", 2, "is not name=value");
}

TEST(Cli, BenchPrintsEveryRow) {
  const CommandResult r =
      rouse("bench" + kModel + "--prompt-sizes 8,16 -n 4 -r 2 --weak-needed 0.2 --peer --json");
  ASSERT_EQ(r.code, 0) << r.err;
  const auto j = nlohmann::json::parse(r.out);
  std::vector<std::string> names;
  for (const auto& row : j["rows"]) {
    names.push_back(row["name"]);
    EXPECT_GT(row["step_tok_s"], 0);
    EXPECT_GT(row["prefill_tok_s"], 0);
    if (row["name"] == "libllama") continue;
    EXPECT_TRUE(row.contains("step_ratio_to_peer") && row.contains("prefill_ratio_to_peer"));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"greedy", "libllama", "topk:1", "topk:4", "rank:2",
                                             "dynamic:0.6", "scmoe:plain", "scmoe:fused", "scmoe:lazy",
                                             "scmoe:auto", "roe", "dola", "contrastive", "beam", "sample"}));
}

TEST(Cli, SynthIsDeterministicAndRefusesNonsense) {
  const TempDir dir;
  const std::string small =
      "synth --layers 1 --embd 64 --heads 2 --expert-ff 64 --vocab-from " + golden("llama.gguf");
  ASSERT_EQ(rouse(small + " --seed 4 -o " + dir / "a.gguf").code, 0);
  ASSERT_EQ(rouse(small + " --seed 4 -o " + dir / "b.gguf").code, 0);
  EXPECT_EQ(read_file(dir / "a.gguf"), read_file(dir / "b.gguf"));
  refused("synth --arch rwkv -o " + dir / "x.gguf", 2, "\"rwkv\" is not known");
  refused("synth --quant q3_9 -o " + dir / "x.gguf --vocab-from " + golden("llama.gguf"), 2, "is not known");
  refused("synth --embd 100 --heads 3 -o " + dir / "x.gguf", 2, "width 100 over 3 heads");
  refused("synth --embd 100 --heads 4 -o " + dir / "x.gguf", 2, "over 25 dimensions");
  refused("synth --shared 2 -o " + dir / "x.gguf", 2, "--shared makes no sense for llama");
  refused("synth --like gpt-5 -o " + dir / "x.gguf", 2, "mixtral-8x7b");
  refused("synth --experts-used 9 -o " + dir / "x.gguf", 2, "expert_used_count is 9");
}

/// Names and metadata of every family: what is written is what the reader takes, tensor by tensor.
TEST(Cli, SynthAndInspectAgreeOnEveryShape) {
  const TempDir dir;
  const std::string cut =
      " --layers 2 --embd 64 --expert-ff 32 --ff 32 --experts 8 --experts-used 2 --quant q8_0 ";
  const auto check = [&](const std::string& flags) {
    const CommandResult made =
        rouse("synth " + flags + " --force --vocab-from " + golden("llama.gguf") + " -o " + dir / "m.gguf");
    ASSERT_EQ(made.code, 0) << flags << made.err;
    const auto d = nlohmann::json::parse(rouse("inspect --json " + dir / "m.gguf").out);
    EXPECT_TRUE(d["supported"]) << flags << d;
    EXPECT_EQ(d["n_layer"], 2) << flags;
    EXPECT_GT(d["kv_bytes_per_token_f16"], 0) << flags;
  };
  const auto list = nlohmann::json::parse(rouse("inspect --list --json").out);
  for (const auto& arch : list["architectures"])
    check("--arch " + arch["name"].get<std::string>() + " --layers 2");
  for (const char* like : {"mixtral-8x7b", "deepseek-moe-16b", "deepseek-v2-lite", "qwen3-30b-a3b",
                           "gpt-oss-20b", "olmoe-1b-7b", "qwen1.5-moe-a2.7b", "granite-3-1b-a400m"})
    check(std::string("--like ") + like + cut);
}

TEST(Cli, InspectShowsWhereEachPartLanded) {
  const auto d = nlohmann::json::parse(
      rouse("inspect --placement --json -ncmoe 1 -ot attn=CPU " + golden("qwen2moe.gguf")).out);
  uint64_t experts = 0;
  for (const auto& row : d["placement"])
    if (row["part"] == "experts") experts += row["bytes"].get<uint64_t>();
  EXPECT_EQ(experts, 3u * 3 * 32 * 16 * 8 * sizeof(float));
  refused("inspect --placement -ngl 1 " + golden("qwen2moe.gguf"), 2, "no GPU");
  refused("inspect --placement -ot exps=TPU " + golden("qwen2moe.gguf"), 2, "unknown device");
  refused("inspect --placement -ot '(=CPU' " + golden("qwen2moe.gguf"), 2, "regular expression");
}

TEST(Cli, InspectExplainsWhatItCannotRun) {
  const TempDir dir;
  ASSERT_EQ(rouse("synth --layers 1 --embd 64 --heads 2 --expert-ff 64 --vocab-from " + golden("llama.gguf") +
                  " -o " + dir / "m.gguf")
                .code,
            0);
  std::string bytes = read_file(dir / "m.gguf");
  const size_t at = bytes.find("llama");  // the value of general.architecture
  bytes.replace(at, 5, "rwkv9");
  std::ofstream(dir / "x.gguf", std::ios::binary) << bytes;
  const CommandResult r = rouse("inspect " + dir / "x.gguf");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("rouse cannot   run it: "), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("architecture \"rwkv9\" is not supported"), std::string::npos) << r.out;
  EXPECT_EQ(r.out.find("try next"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("experts 55.3 kB"), std::string::npos) << r.out;
}

TEST(Cli, CalibratesShowsAndRoutesByAPlan) {
  const TempDir dir;
  std::ofstream text(dir / "t.jsonl");
  for (int d = 0; d < 6; ++d) {
    text << "{\"tokens\":[271";
    for (int i = 1; i < 20; ++i) text << "," << (i * 37 + d * 11) % 271;
    text << "]}\n";
  }
  text.close();
  const std::string model = " -m " + golden("mixtral.gguf"), plan = dir / "p.cor.json";
  const std::string calibrate =
      "calibrate" + model + " --kv-type f32 --tokens 0 --text " + dir / "t.jsonl" + " -o ";
  CommandResult r = rouse(calibrate + plan);
  ASSERT_EQ(r.code, 0) << r.err;
  ASSERT_EQ(rouse(calibrate + dir / "again.json").code, 0);
  EXPECT_EQ(read_file(plan), read_file(dir / "again.json"));
  EXPECT_FALSE(std::filesystem::exists(plan + ".state"));

  const auto shown = nlohmann::json::parse(rouse("plan show --json " + plan).out);
  EXPECT_EQ(shown["layers"].size(), 3u);
  EXPECT_GT(shown["n_hard"], 0);
  EXPECT_NE(rouse("plan show " + plan).out.find("Most causal experts"), std::string::npos);
  EXPECT_NE(rouse("plan show " + plan).out.find("No move is supported: of 6 tried"), std::string::npos);
  EXPECT_NE(rouse("plan evidence " + plan).out.find("Change of NLL with another k"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(rouse("plan evidence --json " + plan).out)["moves_tried"], 6);
  EXPECT_EQ(shown["options"]["intensity"], "log-odds");
  ASSERT_EQ(rouse(calibrate + dir / "paper.json" + " --intensity paper --no-certify --ablate drop").code, 0);
  refused("plan evidence " + dir / "paper.json", 3, "carries no evidence");
  auto first = nlohmann::ordered_json::parse(read_file(plan));
  first["version"] = 1;
  for (const char* later : {"R_error", "R_shrunk", "evidence"}) first.erase(later);
  std::ofstream(dir / "first.json") << first;
  EXPECT_EQ(rouse("plan show " + dir / "first.json").code, 0);
  refused("plan evidence " + dir / "first.json", 3, "is a plan of version 1");
  refused("calibrate" + model + " --tokens 10 --text " + dir / "t.jsonl" + " -o " + dir / "n", 2,
          "--certify: the text gives 1 document");
  refused(calibrate + dir / "n" + " --budget 2,2", 2, "2 budgets, the model has 3");
  ASSERT_EQ(rouse("plan shuffle " + plan + " -o " + dir / "s.json").code, 0);
  ASSERT_EQ(rouse("plan by-frequency " + plan + " -o " + dir / "f.json").code, 0);
  for (const char* kind : {"uniform", "random", "from 1,2,3"})
    ASSERT_EQ(rouse(std::string("plan ") + kind + model + " --force -o " + dir / "x.json").code, 0) << kind;
  const auto same = nlohmann::json::parse(rouse("plan diff --json " + plan + " " + plan).out);
  EXPECT_EQ(same["CEI"]["rank_correlation"], 1.0);
  EXPECT_TRUE(same["budget_changes"].empty());

  const std::string run = "run --json --tokens 271,5,9 -n 6 --ignore-eos" + model;
  const auto planned = nlohmann::json::parse(rouse(run + " --routing plan:" + plan).out);
  const auto standard = nlohmann::json::parse(rouse(run).out);
  EXPECT_EQ(planned["cost"]["expert_evaluations_per_token"],
            standard["cost"]["expert_evaluations_per_token"]);
  EXPECT_NE(planned["policy_hash"], standard["policy_hash"]);

  refused("run --tokens 1 -m " + golden("qwen3moe.gguf") + " --routing plan:" + plan, 3,
          "is for 3 MoE layers");
  refused("calibrate" + model + " --text /nowhere.jsonl -o " + dir / "n", 2,
          "cannot open the calibration text");
  refused(calibrate + dir / "n" + " --intensity entropy", 2, "--intensity");
  refused("calibrate" + model + " --percentiles 80 20 --text " + dir / "t.jsonl" + " -o " + dir / "n", 2,
          "--percentiles");
  refused("plan from 1,2" + model + " -o " + dir / "n", 2, "2 budgets, the model has 3");
}

TEST(Cli, AKilledCalibrationGoesOnToTheSameBytes) {
  const TempDir dir;
  std::ofstream text(dir / "t.jsonl");
  for (int i = 0; i < 80; ++i)
    text << "{\"text\": \"the man and the hen of the inn ran on " << i << " then ate an oat\"}\n";
  text.close();
  const std::string calibrate = "calibrate -m " + golden("mixtral.gguf") +
                                " --kv-type f32 --tokens 1200 --document-tokens 40 --text " +
                                dir / "t.jsonl" + " -o ";
  ASSERT_EQ(rouse(calibrate + dir / "whole.json").code, 0);
  const std::string whole = read_file(dir / "whole.json");
  // Killed by the kernel where its state would grow past so many bytes: the same places on every machine,
  // often in the middle of a line.
  int killed = 0;
  for (int run = 0; run < 20; ++run) {
    const std::string plan = dir / cat("plan", run, ".json");
    const std::string kill = cat("(ulimit -c 0; ulimit -f ", 1 + 17 * run, "; ROUSE_THREADS=1 exec ",
                                 ROUSE_BINARY, " ", calibrate, plan, " >/dev/null 2>&1)");
    const int status = std::system(kill.c_str());
    const bool finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    killed += !finished;
    EXPECT_EQ(std::filesystem::exists(plan), finished) << "a plan is whole or not there";
    if (!finished) {
      ASSERT_EQ(rouse(calibrate + plan).code, 0);
    }
    EXPECT_EQ(read_file(plan), whole) << run;
  }
  EXPECT_GE(killed, 10);
  EXPECT_LT(killed, 20) << "with room for all of it, it ends";
}

TEST(Cli, WhatIfRanksExpertsByTheirEffect) {
  const std::string base =
      "whatif -m " + golden("mixtral.gguf") + " --tokens 271,5,9 --continuation 'the of' ";
  const auto ranked = nlohmann::json::parse(rouse(base + "--token 1 --rank --json").out)["answers"];
  ASSERT_EQ(ranked.size(), 24u);  // 3 blocks of 8
  EXPECT_GE(std::abs(ranked[0]["change"].get<double>()), std::abs(ranked[23]["change"].get<double>()));
  const std::string most = ranked[0]["what"];
  const auto one = nlohmann::json::parse(rouse(base + "--token 1 --json --" + most).out)["answers"][0];
  EXPECT_NEAR(one["change"].get<double>(), ranked[0]["change"].get<double>(), 1e-3);
  refused(base + "--ban 1.9", 2, "expert 9 is outside 0..7");
  refused(base, 2, "give --ban");
  refused(base + "--rank", 2, "--rank wants one token");
}

}  // namespace rouse
