/// What a refused command leaves alone, and what makes a saved answer the answer of today's question.
#include "eval/tasks/tasks.h"
#include "support.h"

namespace rouse {
namespace {

const std::string kModel = " -m " + golden("mixtral.gguf") + " ";

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}
void refused(const std::string& arguments, const std::string& part) {
  const CommandResult r = rouse(arguments);
  EXPECT_EQ(r.code, 2) << arguments << "\n" << r.out << r.err;
  EXPECT_NE(r.err.find(part), std::string::npos) << arguments << "\n" << r.err;
}
std::vector<nlohmann::ordered_json> rows_of(const std::string& path) {
  std::vector<nlohmann::ordered_json> out;
  std::istringstream in(read_file(path));
  for (std::string line; std::getline(in, line);) out.push_back(nlohmann::ordered_json::parse(line));
  return out;
}

}  // namespace

TEST(RefusedCommand, LeavesAForeignOutputOfABatchAsItIs) {
  const TempDir dir;
  const std::string batch = "run" + kModel + "--raw -n 2 --batch " + dir / "in.jsonl" + " -o " + dir / "out";
  write(dir / "in.jsonl", "{\"id\":1,\"prompt\":\"the\"}\n");
  for (const std::string text :
       {"{\"id\":1}\nnotes of mine", "my notes\nwithout an end", "{\"colour\":1}\n{\"id\""}) {
    write(dir / "out", text);
    refused(batch, "out:1: ");
    EXPECT_EQ(read_file(dir / "out"), text);
  }
  write(dir / "in.jsonl", "{\"id\":1,\"colour\":2}\n");
  write(dir / "out", "{\"id\":1,\"text\":\"x\"}\n{\"id\"");
  refused(batch, "in.jsonl:1: unknown key \"colour\"");
  EXPECT_EQ(read_file(dir / "out"), "{\"id\":1,\"text\":\"x\"}\n{\"id\"");
}

TEST(RefusedCommand, LeavesAForeignStateOfACalibrationAsItIs) {
  const TempDir dir;
  write(dir / "t.txt", "the man and the hen of the inn ran on then ate an oat");
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"notes without an end", "is not an unfinished calibration"},
           {"{}\n", "is not an unfinished calibration"},
           {"[[\n", "is not an unfinished calibration"},
           {"{\"format\":\"rouse-calibration\"}\n{\"unit\"",
            "holds the state of another calibration (version was null, now it is 1)"}}) {
    write(dir / "p.json.state", text);
    refused("calibrate" + kModel + "--tokens 10 --no-certify --no-shrink --text " + dir / "t.txt" + " -o " +
                dir / "p.json",
            "p.json.state: " + part);
    EXPECT_EQ(read_file(dir / "p.json.state"), text);
  }
}

TEST(BatchIdentity, WhatFailedIsTriedAgainAndWhatChangedIsRefusedByName) {
  const TempDir dir;
  const std::string in = dir / "in.jsonl", out = dir / "out.jsonl",
                    run = "run" + kModel + "--raw --batch " + in + " -o " + out;
  const auto batch = [&](const std::string& prompt, const std::string& routing) {
    write(in, "{\"id\":\"a\",\"prompt\":\"" + prompt +
                  "\"}\r\n\r\n{\"id\":2,\"prompt\":\"of\",\"routing\":\"" + routing + "\"}\r\n");
  };
  batch("the", "rank:99");
  EXPECT_EQ(rouse(run + " -n 3").code, 4);
  ASSERT_EQ(rows_of(out).size(), 2u);
  const std::string answer = read_file(out).substr(read_file(out).find("{\"id\":\"a\""));
  batch("the", "rank:2");
  const CommandResult again = rouse(run + " -n 3");
  EXPECT_EQ(again.code, 0) << again.err;
  const auto rows = rows_of(out);
  ASSERT_EQ(rows.size(), 2u) << "one row an id";
  EXPECT_EQ(read_file(out).substr(0, answer.find('\n')), answer.substr(0, answer.find('\n')))
      << "kept as it was";
  EXPECT_EQ(rows[1]["id"], 2);
  EXPECT_TRUE(rows[1].contains("text"));

  const std::string before = read_file(out);
  const auto changed = [&](const std::string& more) {
    refused(run + more, "in.jsonl:1: id \"a\" is answered in " + out + ":1, but for another prompt");
    EXPECT_EQ(read_file(out), before);
  };
  changed(" -n 4");
  changed(" -n 3 --temp 0.5");
  changed(" -n 3 --stop x");
  changed(" -n 3 --routing topk:1");
  changed(" -n 3 --kv-type f32");
  batch("thy", "rank:2");
  changed(" -n 3");
  batch("the", "rank:3");
  refused(run + " -n 3", "in.jsonl:3: id 2 is answered in " + out + ":2");
  batch("the", "rank:2");
  EXPECT_EQ(rouse(run + " -n 3").code, 0);
  EXPECT_EQ(read_file(out), before);

  std::string old;  // as a rouse left it that saved no identity
  for (nlohmann::ordered_json row : rows) row.erase("identity"), old += row.dump() + "\n";
  write(out, old);
  EXPECT_EQ(rouse(run + " -n 3").code, 0);
  EXPECT_EQ(read_file(out), old);
  batch("thy", "rank:2");
  refused(run + " -n 3", "id \"a\" is answered in");
  EXPECT_EQ(read_file(out), old);
}

TEST(EvalIdentity, ACorrectedAnswerIsNotScoredByTheOldOne) {
  const TempDir dir;
  std::filesystem::create_directories(dir / "data");
  const std::string data = dir / "data/lab_facts.jsonl";
  std::istringstream all(read_file(std::string(ROUSE_MODELS) + "/lab/lab_facts.jsonl"));
  std::string records, line;
  for (int i = 0; i < 6 && std::getline(all, line); ++i) records += line + "\n";
  write(data, records);
  const std::string eval = "eval --tasks lab_facts -c 192 --data " + dir / "data" + " -o " + dir / "o";
  ASSERT_EQ(rouse(eval).code, 0);
  ASSERT_EQ(rouse(eval).code, 0) << "the same again";

  auto corrected = nlohmann::ordered_json::parse(records.substr(0, records.find('\n')));
  const std::string id = corrected["id"];
  corrected["answers"].push_back("another");
  write(data, corrected.dump() + records.substr(records.find('\n')));
  refused(eval, "item " + id + " is not what it was when it was answered");

  std::string samples;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "o"))
    if (entry.path().extension() == ".jsonl") samples = entry.path().string();
  std::string old;
  for (auto row : rows_of(samples)) row.erase("item_hash"), old += row.dump() + "\n";
  write(samples, old);
  refused(eval, "item " + id + " is not what it was");
  write(data, records);
  EXPECT_EQ(rouse(eval).code, 0) << "a row without a hash is compared by its record";

  write(data, records + corrected.dump() + "\n");
  refused(eval, "lab_facts.jsonl:7: id " + id + " occurs twice, first in line 1");

  // A report of a file that is still written only reads it, through a link too.
  write(dir / "target", old + "{\"doc_id\":9");
  std::filesystem::remove(samples);
  std::filesystem::create_symlink(dir / "target", samples);
  EXPECT_EQ(rouse("eval show " + dir / "o").code, 0);
  EXPECT_EQ(read_file(dir / "target"), old + "{\"doc_id\":9");
}

}  // namespace rouse
