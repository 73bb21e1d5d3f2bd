/// Schemas as grammars, held to the verdicts of PyPI's jsonschema (tools/golden/schemas.py).
#include "support.h"
#include "tokenizer/grammar.h"

namespace rouse {
namespace {

bool follows(const std::string& grammar, const std::string& text) {
  Recognizer r(compile_gbnf(grammar));
  int state = r.start();
  for (const char c : text) {
    r.allow_work();
    state = r.next(state, static_cast<uint8_t>(c));
    if (state == Recognizer::kDead) return false;
  }
  return r.whole(state);
}

void refused(const std::string& schema, const std::string& part) {
  expect_refusal([&] { json_schema_grammar(schema); }, ErrorKind::usage, "JSON schema: " + part);
}

}  // namespace

TEST(JsonSchema, HoldsTheTextsThatFitAndNoOthers) {
  std::ifstream in(golden("schemas.json"));
  const auto cases = nlohmann::ordered_json::parse(in);
  EXPECT_GT(cases.size(), 50u);
  for (const auto& one : cases) {
    const std::string grammar = json_schema_grammar(one["schema"].dump());
    for (const std::string text : one["fits"])
      EXPECT_TRUE(follows(grammar, text)) << one["schema"] << "\n" << text;
    for (const std::string text : one["not"])
      EXPECT_FALSE(follows(grammar, text)) << one["schema"] << "\n" << text;
  }
}

TEST(JsonSchema, StringsHoldNoHalfOfASurrogatePairAndNumbersStayFinite) {
  const std::string text = json_schema_grammar(R"({"type": "string"})"), number = json_schema_grammar("{}");
  EXPECT_TRUE(follows(text, R"("\uD834\udd1e\ud7ff\uE000")"));
  for (const char* half :
       {R"("\ud834")", R"("\udd1e")", R"("\ud834\u0041")", R"("\ud834x")", R"("\udd1e\ud834")"})
    EXPECT_FALSE(follows(text, half)) << half;
  EXPECT_TRUE(follows(number, "-9999999999999999.5e+99"));
  EXPECT_FALSE(follows(number, "1e999"));  // valid JSON, but infinite to most readers
}

TEST(JsonSchema, RefusesWhatFitsNothing) {
  refused(R"({"type": "string", "minLength": 5, "maxLength": 2})", "#: minLength is above maxLength");
  refused(R"({"properties": {"a": {"type": "array", "minItems": 3, "maxItems": 2}}})",
          "#/properties/a: minItems is above maxItems");
  refused("false", "#: is false");
  refused(R"({"enum": ["a", 1.5], "type": "integer"})", "#: no value of enum is of type \"integer\"");
  refused(R"({"const": null, "type": ["string", "object"]})", "#: no value of const is of type");
  refused(R"({"enum": []})", "#: enum is not a list of values");
  refused(R"({"additionalProperties": false, "required": ["a"]})",
          "#: required names \"a\", which is not a property");
  refused(
      R"({"$ref": "#/$defs/n", "$defs": {"n": {"required": ["x"], "properties": {"x": {"$ref": "#/$defs/n"}}}}})",
      "the grammar cannot be used: line 2, rule ref0-n: no text ever ends it");
  refused(R"({"$ref": "#/$defs/n", "$defs": {"n": {"$ref": "#/$defs/n"}}})", "the grammar cannot be used");
}

TEST(JsonSchema, RefusesByNameWhatItDoesNotUnderstand) {
  refused(R"({"type": "string", "pattern": "a+"})", "#: \"pattern\" is not understood here");
  refused(R"({"type": "integer", "minimum": 3})", "#: \"minimum\" is not understood here");
  refused(R"({"items": [{"type": "null"}]})",
          "#/items: is [{\"type\":\"null\"}], expected an object or true");
  refused(R"({"anyOf": [{"type": "null"}], "type": "null"})", "#: \"type\" is not understood here");
  refused(R"({"enum": [1], "const": 1})", "#: \"enum\" is not understood here");
  refused(R"({"properties": {"a": {"$id": "x"}}})", "#/properties/a: \"$id\" is not understood here");
  refused(R"({"type": "string", "minLength": -1})", "#: minLength is -1, expected 0 to 1000");
  refused(R"({"type": "string", "minLength": 1.5})", "#: minLength is 1.5, expected 0 to 1000");
  refused(R"({"type": "array", "maxItems": 1e9})", "#: maxItems is 1000000000.0, expected 0 to 1000");
  refused(R"({"required": "a"})", "#: required is not a list of names");
  refused(R"({"type": []})", "#: type is [], expected a name or a list of names");
  refused(R"({"const": 12345678901234567890123})",
          "#: the number 1.2345678901234568e+22 is too large to be kept");
  refused(R"({"anyOf": {}})", "#: anyOf is not a list of schemas");
}

TEST(JsonSchema, TakesOneOfOnlyWhereNoValueFitsTwo) {
  const auto overlap = [](const std::string& schemas) {
    refused(R"({"oneOf": [)" + schemas + "]}",
            "#: it cannot be shown that of oneOf, 0 and 1 never fit the same value");
  };
  overlap(R"({"type": "integer"}, {"type": "number"})");
  overlap(
      R"({"type": "object", "properties": {"a": {"type": "null"}}}, {"type": "object", "required": ["b"]})");
  overlap(R"({"properties": {"a": {"const": 1}}, "required": ["a"]}, {"type": "string"})");  // no type:
                                                                                             // strings too
  overlap(R"({"const": {"a": 1, "b": 2}}, {"const": {"b": 2, "a": 1}})");
  overlap(R"({"const": 1}, {"enum": [0, 1.0]})");
  overlap(R"(true, {"type": "null"})");
}

TEST(JsonSchema, BoundsWhatASchemaMayAskFor) {
  const auto repeated = [](size_t n, const std::function<std::string(size_t)>& entry) {
    std::string out = entry(0);
    for (size_t i = 1; i < n; ++i) out += "," + entry(i);
    return out;
  };
  const auto number = [](size_t i) { return std::to_string(i); };
  EXPECT_TRUE(follows(json_schema_grammar("{\"enum\":[" + repeated(20000, number) + "]}"), "19999"));
  refused("{\"enum\":[" + repeated(200000, number) + "]}",
          "is 1288900 bytes of JSON, expected at most 1048576");
  const auto property = [](size_t i) { return cat("\"p", i, "\":{\"type\":\"null\"}"); };
  EXPECT_TRUE(follows(json_schema_grammar("{\"properties\":{" + repeated(500, property) + "}}"),
                      "{\"p7\": null, \"p499\":null}"));
  refused("{\"properties\":{" + repeated(5000, property) + "}}", "has an object of more than 4096 keys");
  // Each level names its items three times.
  std::string nested = "{\"type\":\"null\"}";
  for (int i = 0; i < 31; ++i)
    nested = R"({"type":["array","array","object","array"],"items":)" + nested + "}";
  EXPECT_LT(json_schema_grammar(nested).size(), 10000u);
  refused(std::string(100000, '['), "is JSON nested more than 64 deep");
  refused(R"({"type": "array", "minItems": 1000, "maxItems": 1001})",
          "#: maxItems is 1001, expected 0 to 1000");
  const std::string chain =
      repeated(500, [](size_t i) { return cat("\"d", i, "\":{\"$ref\":\"#/$defs/d", i + 1, "\"}"); });
  EXPECT_TRUE(follows(
      json_schema_grammar("{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + chain + ",\"d500\":{\"const\":1}}}"),
      "1"));
}

}  // namespace rouse
