/// Every format that rouse reads, as hostile input: whatever the bytes are, it is read, or refused with exit
/// code 2 or 3 by a text that names the place.
#include "formats.h"

#include <zlib.h>

#include "eval/source.h"
#include "support.h"

namespace rouse {
namespace {

/// "" when the text is read, else the refusal; any other exception fails the test.
std::string outcome(const Format& format, const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  try {
    format.read(std::filesystem::path(path).filename() == "results_1.json"
                    ? std::filesystem::path(path).parent_path().string()
                    : path);
    return "";
  } catch (const Error& e) {
    EXPECT_TRUE(e.kind() == ErrorKind::usage || e.kind() == ErrorKind::bad_model ||
                e.kind() == ErrorKind::bad_file)
        << format.name << ": kind " << static_cast<int>(e.kind()) << ": " << e.what() << "\n"
        << text;
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << format.name << ": " << e.what() << "\n" << text.substr(0, 2000);
    return e.what();
  }
}

void expect_read_or_refused(const Format& format, const std::string& path, int n_change) {
  EXPECT_EQ(outcome(format, path, format.text()), "") << format.name;
  Random random(7);
  int refused = 0;
  for (int i = 0; i < n_change && !testing::Test::HasFailure(); ++i) {
    Format changed = format;
    std::string& line = changed.lines[random.below(static_cast<uint32_t>(changed.lines.size()))];
    Json value = Json::parse(line);
    for (uint32_t n = 1 + random.below(2); n > 0; --n) mutate(value, random);
    line = value.dump();
    refused += !outcome(format, path, changed.text()).empty();
  }
  EXPECT_LT(refused, n_change) << format.name;
}

}  // namespace

TEST(Formats, AThousandChangesOfStructureAreReadOrRefused) {
  for (const Format& format : formats()) {
    const TempDir dir;
    const bool one_record = format.lines.size() == 1 && !format.name.starts_with("plan") &&
                            format.name != "iti" && format.name != "steer";
    expect_read_or_refused(format, dir / format.file, one_record ? 150 : 1000);  // of many tasks, one reader
  }
}

TEST(Formats, ChangedResultsAreReportedOrRefused) {
  const TempDir dir;
  std::ofstream samples(dir / "samples_lab_contrast_1.jsonl");
  for (const std::string& row : golden_samples()) samples << row << "\n";
  samples.close();
  expect_read_or_refused({"results", "results_1.json", {golden_results()}, read_run_folder},
                         dir / "results_1.json", 1000);
}

TEST(Formats, BrokenTextIsNamedByFileAndLine) {
  for (const Format& format : formats()) {
    const TempDir dir;
    const std::string path = dir / format.file;
    const bool log = format.name == "state" || format.name == "answers" || format.name == "samples";
    const bool record =
        path.ends_with(".jsonl") && !format.name.starts_with("import") && format.lines.size() == 1;
    if (record) continue;  // its errors are of the record: RecordsAreNamed
    const auto refused = [&](const std::string& last, const std::string& part) {
      Format changed = format;
      changed.lines.back() = last;
      const std::string why = outcome(format, path, changed.text());
      const std::string place =
          format.lines.size() > 1 ? cat(format.file, ":", format.lines.size(), ": ") : format.file;
      EXPECT_NE(why.find(place), std::string::npos) << format.name << ": " << why;
      EXPECT_NE(why.find(part), std::string::npos) << format.name << ": " << why;
    };
    const std::string good = format.lines.back();
    refused(std::string(100000, '['), "is JSON nested more than 64 deep");
    refused(good.substr(0, good.size() - 1) + R"(,"deep":)" + std::string(100000, '[') + "}", "");
    refused(good.substr(0, good.size() / 2), "is broken JSON");
    refused(good + good, "is broken JSON");
    refused("NaN", "is broken JSON");
    refused(R"({"a":1e999})", "is broken JSON");
    refused(R"({"a":1,"a":1})", "key \"a\" occurs twice");
    refused("{\"a\":\"\xff\"}", "ill-formed UTF-8");

    std::string other_ends;
    for (const std::string& line : format.lines) other_ends += line + "\r\n";
    EXPECT_EQ(outcome(format, path, other_ends), "") << format.name << ": CRLF";
    EXPECT_EQ(outcome(format, path, "\xEF\xBB\xBF" + format.text()), "")
        << format.name << ": byte order mark";
    if (log) {
      const std::string whole = format.text();
      EXPECT_EQ(outcome(format, path, whole.substr(0, whole.size() - 5)), "") << format.name;
      EXPECT_EQ(read_file(path), whole.substr(0, whole.size() - 5))
          << format.name << ": reading changed the file";
    }
  }
}

TEST(Formats, WrongValuesAreNamedByTheirPath) {
  struct Case {
    const char *format, *pointer;
    Json value;
    std::string part;
  };
  const TempDir dir;
  const std::vector<Format> all = formats();
  for (const Case& c : std::vector<Case>{
           {"plan", "/k", Json::array({1}), "p.cor.json: k is [1], expected a list of 2"},
           {"plan", "/k/0", Json::array({1}), "p.cor.json: k[0] is [1], expected an integer of 1 to 3"},
           {"plan", "/options", 3, "p.cor.json: options is 3, expected an object"},
           {"iti", "/heads/0/direction/1", 1e308,
            "heads[0].direction[1] is 1e+308, expected a number of -2 to 2"},
           {"iti", "/heads/1/layer", 2, "h.iti: heads[1].layer is 2, expected an integer of 0 to 1"},
           {"steer", "/difference/0/2", 1.5,
            "s.steer: difference[0][2] is 1.5, expected a number of -1 to 1"},
           {"steer", "/difference/1", {1}, "s.steer: difference[1] is [1], expected a list of 3"},
           {"steer", "/layers/1", 1, "s.steer: layers[1] is 1, expected more than the entry before it"},
           {"steer", "/version", 2, "s.steer: version is 2, expected an integer of 1 to 1"},
           {"steer", "/colour", 2, "s.steer: unknown field \"colour\""},
           {"steer list", "/expert", 4, "l.jsonl:2: expert is 4, expected an integer of 0 to 3"},
           {"steer list", "/layer", 2, "l.jsonl:2: layer is 2, expected an integer of 0 to 1"},
           {"steer list", "/risk_diff", "x", "l.jsonl:2: risk_diff is \"x\", expected a number of -1 to 1"},
           {"iti", "/heads/1/layer", 1,
            "h.iti: heads[1].head is 0, expected a head that is not listed before"},
           {"trace", "/experts/1/0", 0.9, "t.jsonl:3: experts[1][0] is 0.9, expected an integer of 0 to 7"},
           {"trace", "/experts/1/0", true, "t.jsonl:3: experts[1][0] is true"},
           {"trace", "/experts/1/0", 4294967296, "t.jsonl:3: experts[1][0] is 4294967296"},
           {"state", "/unit", 3, "s.state:3: unit is 3, expected text"},
           {"state", "/more", 3, "s.state:3: unknown field \"more\""},
           {"corpus", "/tokens/1", 1e9, "c.jsonl:2: tokens[1] is 1000000000.0, expected an integer"},
           {"batch", "/id", nullptr, "in.jsonl:2: id is null, expected text or an integer"},
           {"batch", "/tokens/1", 4294967296, "in.jsonl:2: tokens[1] is 4294967296"},
           {"batch", "/stop", {1}, "in.jsonl:2: stop[0] is 1, expected text"},
           {"batch", "/beta", "0.5", "in.jsonl:2: beta is \"0.5\", expected a number in [0, 1e+06]"},
           {"batch", "/betta", 1, "in.jsonl:2: unknown key \"betta\"; did you mean beta?"},
           {"batch", "/grammar", "root ::= \"a\"", "in.jsonl:2: give one of grammar and json_schema"},
           {"batch", "/n_predict", 2.7,
            "in.jsonl:2: n_predict is 2.7, expected an integer of -1 to 16777216"},
           {"batch", "/tokens/1", 1.9,
            "in.jsonl:2: tokens[1] is 1.9, expected an integer of 0 to 2147483647"},
           {"batch", "/repeat_last_n", -2, "in.jsonl:2: repeat_last_n is -2, expected an integer of -1 to"},
           {"batch", "/n", 0, "in.jsonl:2: n is 0, expected an integer of 1 to"},
           {"batch", "/temp", "0.5", "in.jsonl:2: temp is \"0.5\", expected a number"},
           {"batch", "/seed", -1, "in.jsonl:2: seed is -1, expected an integer of 0"},
           {"batch", "/beta", {1}, "in.jsonl:2: beta is [1], expected a number in [0, 1e+06]"},
           {"batch", "/colour", 1, "in.jsonl:2: unknown key \"colour\""},
           {"batch", "/id", "a", "in.jsonl:2: id \"a\" occurs twice, first in line 1"},
           {"batch", "/prompt", "p", "in.jsonl:2: give one of prompt and tokens"},
           {"samples", "/acc", nullptr, "samples.jsonl:2: acc is null, expected a number"},
           {"samples", "/acc", 1e308, "samples.jsonl:2: acc is 1e+308, expected a number"},
           {"samples", "/id", 7, "samples.jsonl:2: id is 7, expected text"},
           {"samples", "/doc_id", 0, "items a and b have one doc_id, 0"},
           {"samples", "/doc_id", 0.5, "samples.jsonl:2: doc_id is 0.5, expected an integer"},
           {"import arc_easy", "/question", 1, "a.jsonl: record 1: question is 1, expected an object"},
           {"import arc_easy", "/question/choices/0", 1,
            "record 1: question.choices[0] is 1, expected an object"},
           {"import strategyqa", "/0/answer", "yes", "record 1: answer is \"yes\", expected true or false"},
           {"import triviaqa", "/Data", 1, "t.json: the records are not a list"},
       }) {
    const Format& format =
        *std::find_if(all.begin(), all.end(), [&](const Format& f) { return f.name == c.format; });
    Format changed = format;
    Json line = Json::parse(changed.lines.back());
    line[Json::json_pointer(c.pointer)] = c.value;
    changed.lines.back() = line.dump();
    const std::string why = outcome(format, dir / format.file, changed.text());
    EXPECT_NE(why.find(c.part), std::string::npos) << c.format << c.pointer << ": " << why;
  }
}

TEST(Formats, WrongResultsAreNamedByTheirPath) {
  const TempDir dir;
  std::ofstream samples(dir / "samples_lab_contrast_1.jsonl");
  for (const std::string& row : golden_samples()) samples << row << "\n";
  samples.close();
  const std::string task = "/rouse/tasks/lab_contrast";
  for (const auto& [pointer, value, part] : std::vector<std::tuple<std::string, Json, std::string>>{
           {task + "/groups/all/acc/value", Json::object(),
            "results_1.json: rouse.tasks.lab_contrast.groups.all.acc.value is {}, expected a number"},
           {task + "/groups/all/acc/interval", Json::array(), "acc.interval is [], expected a list of 2"},
           {task + "/groups/head", 3, "groups.head is 3, expected an object"},
           {task + "/groups", Json::array(), "groups is [], expected an object"},
           {task + "/cost/expert_evaluations_per_token", "x", "expert_evaluations_per_token is \"x\""},
           {task + "/cost", nullptr, "lab_contrast has no cost by token"},
           {"/rouse/label", nullptr, "rouse.label is null, expected text"},
           {"/rouse/order", 0.9, "rouse.order is 0.9"},
           {"/results", 7, "results is 7, expected an object"},
           {"/n-samples", 7, "n-samples is 7, expected an object"}}) {
    Json changed = Json::parse(golden_results());
    changed[Json::json_pointer(pointer)] = value;
    std::ofstream(dir / "results_1.json") << changed.dump();
    expect_refusal([&] { read_run_folder(dir.path.string()); }, ErrorKind::usage, part);
  }
}

/// 17 kB of gzip that unpack to 17 MB of line ends.
TEST(Formats, AGzipUnpacksWithinBounds) {
  const TempDir dir;
  gzFile file = gzopen((dir / "lines.jsonl.gz").c_str(), "wb9");
  const std::string lines(1 << 20, '\n');
  for (int i = 0; i < 17; ++i) ASSERT_GT(gzwrite(file, lines.data(), 1 << 20), 0);
  gzclose(file);
  const auto packed = std::filesystem::file_size(dir / "lines.jsonl.gz");
  EXPECT_LT(packed, 30000u);
  expect_refusal([&] { Source(dir / "lines.jsonl.gz").records(); }, ErrorKind::usage,
                 "lines.jsonl.gz: unpacks to more than 16777216 bytes");
  std::ofstream(dir / "plain.jsonl") << std::string(1 << 20, '\n') << R"({"a": 1})"
                                     << std::string(1 << 20, '\n');
  EXPECT_EQ(Source(dir / "plain.jsonl").records(), Json::parse(R"([{"a": 1}])"));
  std::ofstream(dir / "wide.csv") << std::string(300, ',') << "\n";
  expect_refusal([&] { (void)Source(dir / "wide.csv").csv(); }, ErrorKind::usage,
                 "wide.csv: has more than 256 columns");
  std::ofstream(dir / "twice.csv") << "a,b,a\n1,2,3\n";
  expect_refusal([&] { Source(dir / "twice.csv").csv_records(); }, ErrorKind::usage,
                 "twice.csv: column \"a\" occurs twice");
}

TEST(Formats, AMillionValuesAreNoMoreThanTheirBytes) {
  std::string many = "[0";
  for (int i = 0; i < 1000; ++i) many += ",0";
  EXPECT_EQ(message_of([&] { parse_json(many + "]", "a", ErrorKind::usage, {.n_value = 1000}); }),
            "a: has more than 1000 values");
}

}  // namespace rouse
