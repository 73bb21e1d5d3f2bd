/// Texts that must follow a grammar or a JSON schema, on top of the methods.
#include "tokenizer/grammar.h"

#include <cmath>

#include "support.h"

namespace rouse {
namespace {

struct Lab {
  Lab() : m(golden("mixtral.gguf")), tokenizer(m.model->file()) {}
  std::unique_ptr<Generation> run(const std::string& grammar, MethodOptions method = {},
                                  float temperature = 0, uint64_t seed = 1) {
    GenerateOptions o;
    o.n_predict = 120;
    o.grammar = grammar;
    o.sampling.temperature = temperature;
    o.sampling.seed = seed;
    auto g = std::make_unique<Generation>(Engines{&m.engine}, tokenizer, make_method(method, m.models()),
                                          std::vector<int>{271, 5, 9}, o);
    Generation* one = g.get();
    run_generations({&m.engine}, {&one, 1});
    return g;
  }
  TinyModel m;
  Tokenizer tokenizer;
};

bool well_formed(const std::string& utf8) {
  try {
    (void)nlohmann::json(utf8).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace

TEST(Grammar, EveryMethodThatTakesOneFollowsIt) {
  Lab lab;
  const std::string grammar = "root ::= (\"yes\" | \"no\") \", \" [0-9]{2} \".\"";
  for (const MethodEntry& entry : method_registry()) {
    if (!entry.grammar || entry.amateur) continue;
    MethodOptions method;
    method.name = entry.name;
    for (const float temperature : {0.0f, 1.5f}) {
      if (temperature > 0 && !entry.samples) continue;
      const auto g = lab.run(grammar, method, temperature);
      EXPECT_EQ(g->stop_reason(), StopReason::eos) << entry.name << ": " << g->text();
      const std::string text = g->text();
      const std::string start = text.substr(0, text.find(','));
      EXPECT_TRUE(start == "yes" || start == "no") << text;
      EXPECT_EQ(text.size(), start.size() + 5) << text;
    }
  }
}

TEST(Grammar, ASchemaGivesJsonThatFitsIt) {
  Lab lab;
  const std::string schema = R"({"type": "object", "required": ["name", "age"], "additionalProperties": false,
    "properties": {"name": {"type": "string", "maxLength": 4}, "nick": {"const": "x\"y"},
      "age": {"type": "integer"}, "tags": {"type": "array", "items": {"enum": ["a", 2, null]}, "maxItems": 2},
      "next": {"$ref": "#/$defs/leaf"}},
    "$defs": {"leaf": {"anyOf": [{"type": "boolean"}, {"type": "object", "properties": {}}]}}})";
  const std::string grammar = json_schema_grammar(schema);
  int whole = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto g = lab.run(grammar, {}, 2.0f, seed);
    if (g->stop_reason() != StopReason::eos) continue;  // cut off by the length
    if (!well_formed(g->text())) continue;  // random weights: libllama lets any bytes stand for characters
    ++whole;
    const auto json = nlohmann::json::parse(g->text());
    EXPECT_TRUE(json["age"].is_number_integer()) << g->text();
    EXPECT_TRUE(json["name"].is_string()) << g->text();
    EXPECT_EQ(json.value("nick", "x\"y"), "x\"y");
    for (const auto& [key, value] : json.items())
      EXPECT_TRUE(std::set<std::string>({"name", "nick", "age", "tags", "next"}).count(key)) << key;
    EXPECT_LE(json.value("tags", nlohmann::json::array()).size(), 2u);
  }
  EXPECT_GE(whole, 4);
}

TEST(Grammar, RefusesWhatItDoesNotUnderstand) {
  Lab lab;
  expect_refusal([&] { lab.run("root ::= missing"); }, Exit::usage, "the grammar cannot be used");
  expect_refusal([&] { lab.run("nothing like a grammar"); }, Exit::usage, "the grammar cannot be used");
  expect_refusal([&] { lab.run("root ::= root \"a\""); }, Exit::usage, "the grammar cannot be used");
  const auto refused = [](const char* schema, const char* part) {
    expect_refusal([&] { json_schema_grammar(schema); }, Exit::usage, part);
  };
  refused("{", "JSON schema: is broken JSON");
  refused(R"({"type": "string", "pattern": "a+"})", "#: \"pattern\" is not understood here");
  refused(R"({"type": "thing"})", "unknown type \"thing\"");
  refused(R"({"properties": {"a": {"type": "integer", "minimum": 3}}})", "#/properties/a: \"minimum\"");
  refused(R"({"$ref": "#/$defs/none"})", "leads nowhere");
  refused(R"({"$ref": "http://example.org/x"})", "is not below");
  refused(R"({"type": "object", "properties": {}, "required": ["a"]})", "\"a\", which is no property");
  refused(R"({"type": "array", "minItems": 3, "maxItems": 2})", "minItems is above maxItems");
  refused(R"({"type": "object", "additionalProperties": true})", "additionalProperties must be false");
}

TEST(Grammar, SamplesOfOnePromptEachFollowTheirOwnPath) {
  Lab lab;
  GenerateOptions o;
  o.n_predict = 40;
  o.grammar = "root ::= [a-z]{12}";
  o.sampling.temperature = 1.5f;
  Generation leader({&lab.m.engine}, lab.tokenizer, make_method({}, lab.m.models()), {271, 5}, o);
  Generation a(leader, 2), b(leader, 3);
  Generation* all[] = {&leader, &a, &b};
  run_generations({&lab.m.engine}, all);
  for (const Generation* g : all) EXPECT_EQ(g->text().size(), 12u) << g->text();
  EXPECT_NE(a.text(), b.text());
}

}  // namespace rouse
