/// The table of options, through every door: flags, requests (so lines of a batch), variants.
#include "session/options.h"

#include <limits>

#include "base/quoting.h"
#include "base/text.h"
#include "cli/app.h"
#include "cli/command.h"
#include "session/batch_file.h"
#include "session/variant.h"
#include "support.h"

namespace rouse {
namespace {

/// Everything that a door fills.
struct Filled {
  ModelOptions model;
  Request request;
  OptionTargets targets() {
    OptionTargets t = request.targets();
    t.model = &model;
    return t;
  }
  Json value(const Option& option) { return option_value(option.place(targets())); }
};

/// How a value is written where everything is text.
std::string written(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::vector<std::string> parts;
    for (const Json& entry : value) parts.push_back(written(entry));
    return join(parts, ",");
  }
  if (value.is_number_float() && std::isnan(value.get<double>())) return "nan";
  if (value.is_number_float() && std::isinf(value.get<double>()))
    return value.get<double>() > 0 ? "inf" : "-inf";
  return value.dump();
}

using Door = std::function<std::string(const Option&, const Json&, Filled&)>;

/// The refusal of `work`, or "".
std::string refusal(const Option& option, const std::function<void()>& work) {
  try {
    work();
    return "";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage) << e.what();
    EXPECT_EQ(e.subject(), option.spec.name) << e.what();
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << option.spec.name << ": " << e.what();
    return e.what();
  }
}

std::string by_flag(const Option& option, const Json& value, Filled& filled) {
  CLI::App app;
  add_option(app, option, filled.targets());
  std::vector<std::string> words;
  if (option.spec.type != OptionType::texts || !value.is_array())
    words = written(value).empty() ? std::vector<std::string>{option.long_flag(), ""}
                                   : std::vector{cat(option.long_flag(), "=", written(value))};
  else
    for (const Json& entry : value) words.push_back(cat(option.long_flag(), "=", written(entry)));
  std::reverse(words.begin(), words.end());
  return refusal(option, [&] { app.parse(words); });
}

std::string by_request(const Option& option, const Json& value, Filled& filled) {
  const Json record{{option.spec.name, value}};
  return refusal(option, [&] { filled.request = read_request(JsonValue(record, ""), {}, {.paths = true}); });
}

std::string by_line(const Option& option, const Json& value, Filled& filled) {
  const TempDir dir;
  const Json record{{"id", 1}, {option.spec.name, value}};
  std::ofstream(dir / "in.jsonl") << record.dump() << "\n";
  const std::string why = refusal(
      option, [&] { filled.request = read_batch(dir / "in.jsonl", {}, {.paths = true}).at(0).request; });
  const std::string place = dir / "in.jsonl" + ":1: ";
  EXPECT_TRUE(why.empty() || why.starts_with(place)) << why;
  return why.empty() ? "" : why.substr(place.size());
}

std::string by_variant(const Option& option, const Json& value, Filled& filled) {
  const std::string text = cat("greedy ", option.spec.name, "=", quote(written(value)));
  const std::string why = refusal(option, [&] { filled.request.method = parse_variant(text); });
  const std::string place = cat("method \"", text, "\": ");
  EXPECT_TRUE(why.empty() || why.starts_with(place)) << why;
  return why.empty() ? "" : why.substr(place.size());
}

bool in_json(const Json& value) {
  return !value.is_number_float() || std::isfinite(value.get<double>());
}

std::vector<std::pair<std::string, Door>> doors_of(const Option& option, const Json& value) {
  std::vector<std::pair<std::string, Door>> out;
  const OptionType type = option.spec.type;
  // A switch has no value, and a file's text is no flag's.
  const bool listed = type == OptionType::tokens && !value.is_array();
  if (!option.flag.empty() && type != OptionType::boolean && !listed) out.emplace_back("flag", by_flag);
  if (option.request) out.emplace_back("request", by_request);
  if (option.request && in_json(value) && option.spec.name != std::string("n"))
    out.emplace_back("line", by_line);
  if (option.variant) out.emplace_back("variant", by_variant);
  return out;
}

/// Values at every edge of an option, and of every other type.
std::vector<Json> candidates(const OptionSpec& s) {
  std::vector<Json> out{nullptr,
                        true,
                        -1,
                        0,
                        1,
                        2.7,
                        1e30,
                        NAN,
                        INFINITY,
                        -INFINITY,
                        -2147483649LL,
                        4294967296LL,
                        18446744073709551615ull,
                        "x",
                        ""};
  if (s.type == OptionType::integer)
    for (const int64_t bound : {static_cast<int64_t>(s.low), static_cast<int64_t>(s.high)})
      for (const int64_t step : {-1, 0, 1}) out.emplace_back(bound + step);
  if (s.type == OptionType::real)
    for (const float bound : {static_cast<float>(s.low), static_cast<float>(s.high)})
      for (const float beside : {std::nextafter(bound, -INFINITY), bound, std::nextafter(bound, INFINITY)})
        out.emplace_back(double{beside});
  if (s.type == OptionType::real) out.emplace_back(1e-50), out.emplace_back(1e39);
  if (s.type == OptionType::word)
    for (const std::string& word : s.word_list()) out.emplace_back(word);
  if (s.type == OptionType::tokens)
    out.insert(out.end(), {Json{1, 2}, Json{1, -1}, Json{1, 1.9}, Json{1, 4294967296LL}, Json{1, nullptr}});
  if (s.type == OptionType::texts) out.insert(out.end(), {Json{"a", "b, c"}, Json::array({"a"})});
  return out;
}

/// Whether a value is right, from the specification alone.
bool right(const OptionSpec& s, const Json& v) {
  const double x = v.is_number() ? v.get<double>() : NAN;
  const bool whole = v.is_number_integer();
  switch (s.type) {
    case OptionType::boolean:
      return v.is_boolean();
    case OptionType::integer:
      return whole && x >= s.low && x <= s.high;
    case OptionType::natural:
      return whole && x >= 0;
    case OptionType::real: {
      const auto f = static_cast<float>(x), low = static_cast<float>(s.low),
                 high = static_cast<float>(s.high);
      return std::isfinite(x) && std::isfinite(f) && (s.low_open ? f > low : f >= low) && f <= high;
    }
    case OptionType::word:
      return v.is_string() &&
             (" " + std::string(s.words) + " ").find(" " + written(v) + " ") != std::string::npos;
    case OptionType::text:
      return v.is_string();
    case OptionType::texts:
      return v.is_string() || v.is_array();
    case OptionType::tokens:
      return v == Json{1, 2};
    default:
      return false;
  }
}

/// What only another reader can judge: a name in a registry, a grammar.
bool apart(const Option& option) {
  const std::string name = option.spec.name;
  return option.spec.type == OptionType::messages || option.spec.type == OptionType::json ||
         name == "method" || option.check;
}

}  // namespace

TEST(Options, EveryDoorTakesAndRefusesTheSameWithTheSameWords) {
  size_t n_taken = 0, n_refused = 0;
  for (const Option& option : options()) {
    if (apart(option)) continue;
    const bool text = option.spec.type == OptionType::text || option.spec.type == OptionType::texts;
    for (const Json& value : candidates(option.spec)) {
      if (text && !value.is_string() && !value.is_array()) continue;  // where all is text this is one too
      if (option.spec.type == OptionType::word && !value.is_string()) continue;
      std::set<std::string> answers;
      for (const auto& [name, door] : doors_of(option, value)) {
        Filled filled;
        const std::string why = door(option, value, filled);
        SCOPED_TRACE(cat(option.spec.name, "=", written(value), " by ", name, ": ", why));
        EXPECT_EQ(why.empty(), right(option.spec, value));
        answers.insert(why);
        (why.empty() ? n_taken : n_refused) += 1;
        if (!why.empty()) {
          EXPECT_TRUE(why.starts_with(cat(option.spec.name, " is ")) ||
                      why.starts_with(cat(option.spec.name, "[1] is ")))
              << why;
          EXPECT_NE(why.find(", expected "), std::string::npos);
          continue;
        }
        const Json kept = filled.value(option);
        if (option.spec.type == OptionType::real)
          EXPECT_FLOAT_EQ(kept.get<float>(), value.get<float>());
        else if (option.spec.type == OptionType::texts && value.is_string())
          EXPECT_EQ(kept, Json::array({value}));
        else
          EXPECT_EQ(kept, value);
      }
      EXPECT_LE(answers.size(), 1u) << option.spec.name << "=" << written(value) << ": "
                                    << testing::PrintToString(answers);
    }
  }
  EXPECT_GT(n_taken, 300u);
  EXPECT_GT(n_refused, 1000u);
}

/// Where all is not text, only text is text.
TEST(Options, ARequestsTextIsAText) {
  for (const Option& option : options()) {
    if (!option.request || option.spec.type == OptionType::json) continue;
    const bool text = option.spec.type == OptionType::text || option.spec.type == OptionType::word ||
                      option.spec.type == OptionType::texts;
    for (const Json& value : {Json(3), Json(2.7), Json(true), Json(nullptr), Json::object()})
      if (text || value.is_null() || value.is_object()) {
        Filled filled;
        const std::string why = by_request(option, value, filled);
        EXPECT_TRUE(why.starts_with(cat(option.spec.name, " is ", json_text(value), ", expected ")))
            << option.spec.name << ": " << why;
      }
  }
}

/// A new line of the table is read from every door that it names, or this fails.
TEST(Options, AreReadFromEveryDoorTheyBelongTo) {
  CommandLine line("test");
  CLI::App* run = line.app().get_subcommand("run");
  const Json schema = options_json();
  std::set<std::string> names;
  for (const Option& option : options()) {
    const std::string name = option.spec.name;
    EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
    EXPECT_EQ(name.find('-'), std::string::npos);
    EXPECT_EQ(find_option(dashed(name)), &option);
    const bool model = option.group == OptionGroup::model;
    EXPECT_NE(option.request, model) << name;
    EXPECT_TRUE(schema[model ? "model" : "request"]["properties"].contains(name)) << name;
    EXPECT_FALSE(std::string(option.spec.help).empty()) << name;
    if (option.flag.empty()) {
      EXPECT_TRUE(option.request) << name << " has no door";
    } else {
      const CLI::Option* flag = run->get_option_no_throw(option.long_flag());
      ASSERT_TRUE(flag) << option.long_flag();
      EXPECT_NE(flag->get_description().find(option.spec.help), std::string::npos) << name;
    }
    if (!option.short_flag.empty()) {
      CommandLine other("test");
      other.parse({"run", option.short_flag,
                   option.spec.type == OptionType::integer ? "1"
                   : option.spec.type == OptionType::word  ? option.spec.word_list()[0]
                                                           : "on"});
      EXPECT_EQ(other.app().get_subcommand("run")->get_option(option.long_flag())->count(), 1u) << name;
    }
    Filled usual;
    EXPECT_EQ(option.default_value().is_null() ? Json() : usual.value(option), option.default_value())
        << name;
  }
  EXPECT_EQ(names.size(), options().size());
  for (const MethodOption& o : method_options())
    EXPECT_EQ(find_option(o.spec.name)->variant, o.spec.name != std::string("method")) << o.spec.name;
}

TEST(Options, AnErrorNamesTheFlagOnTheCommandLineAlone) {
  const auto refused = [](const std::vector<std::string>& words) {
    const std::atomic<bool> stop = false;
    return message_of([&] { run_command_line(words, "test", stop); });
  };
  EXPECT_EQ(refused({"run", "--alpha", "3"}), "--alpha is 3, expected a number in (0, 1]");
  EXPECT_EQ(refused({"run", "-n", "2.7"}), "--predict is 2.7, expected an integer of -1 to 16777216");
  EXPECT_EQ(refused({"run", "-ngl", "x"}), "--n-gpu-layers is \"x\", expected an integer of 0 to 10000");
  EXPECT_EQ(refused({"compare", "-p", "x", "--with", "scmoe alpha=3"}),
            "method \"scmoe alpha=3\": alpha is 3, expected a number in (0, 1]");
  EXPECT_EQ(refused({"compare", "-p", "x", "--with", "scmoe alpa=3"}),
            "method \"scmoe alpa=3\": unknown option alpa; did you mean alpha?");
}

TEST(Options, ANearNameIsOfferedAndAFarOneIsNot) {
  const std::vector<std::string> known{"top_k", "top_p", "min_p", "n", "seed"};
  EXPECT_EQ(did_you_mean("top_kk", known), "; did you mean top_k?");
  EXPECT_EQ(did_you_mean("topp", known), "; did you mean top_p?");
  EXPECT_EQ(did_you_mean("sede", known), "; did you mean seed?");
  EXPECT_EQ(did_you_mean("colour", known), "");
  EXPECT_EQ(did_you_mean("ab", known), "") << "everything is two changes from n";
  EXPECT_EQ(did_you_mean(std::string(100000, 'x'), known), "");
}

TEST(Options, TheSchemaSaysTypesAndBounds) {
  const Json schema = options_json();
  const Json request = schema["request"]["properties"];
  EXPECT_EQ(request["alpha"]["type"], "number");
  EXPECT_EQ(request["alpha"]["exclusiveMinimum"], 0.0);
  EXPECT_EQ(request["alpha"]["maximum"], 1.0);
  EXPECT_EQ(request["alpha"]["default"], 0.1);
  EXPECT_EQ(request["alpha"]["flag"], "--alpha");
  EXPECT_EQ(request["alpha"]["methods"], (Json{"scmoe", "cd"}));
  EXPECT_EQ(request["n_predict"]["maximum"], 1 << 24);
  EXPECT_EQ(request["exec"]["enum"], (Json{"plain", "fused", "lazy", "auto"}));
  EXPECT_EQ(request["method"]["enum"].size(), method_registry().size());
  EXPECT_EQ(schema["model"]["properties"]["kv_type"]["enum"],
            (Json{"f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"}));
  EXPECT_FALSE(request.contains("model"));
}

}  // namespace rouse
