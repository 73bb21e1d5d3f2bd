#include "base/json.h"

#include <gtest/gtest.h>

#include "support.h"

namespace rouse {
namespace {

std::string refusal(const std::string& text, const JsonBounds& bounds = {}) {
  return message_of([&] { parse_json(text, "a.json", ErrorKind::usage, bounds); });
}
std::string nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Json, DepthIsBoundedBeforeAnythingRecurses) {
  EXPECT_EQ(parse_json(nested(64), "a").size(), 1u);
  EXPECT_EQ(refusal(nested(65)), "a.json: is JSON nested more than 64 deep");
  EXPECT_EQ(refusal(std::string(1000000, '[')), "a.json: is JSON nested more than 64 deep");
  EXPECT_EQ(parse_json(R"(["[[[[", "\"[["])", "a", ErrorKind::usage, {.depth = 1}).size(), 2u);
}

TEST(Json, ATextIsOneValueWithoutDoubtfulKeys) {
  EXPECT_EQ(refusal(R"({"a": 1, "b": {"a": 2}, "a": 3})"), "a.json: key \"a\" occurs twice in one object");
  EXPECT_NE(refusal("{} {}").find("a.json: is broken JSON: parse error at line 1, column 4"),
            std::string::npos);
  EXPECT_NE(refusal("\"\xff\"").find("ill-formed UTF-8"), std::string::npos);
  EXPECT_NE(refusal("1e999").find("a.json: is broken JSON"), std::string::npos);
  EXPECT_NE(refusal("").find("a.json: is broken JSON"), std::string::npos);
  EXPECT_EQ(refusal("[1,2,3]", {.n_byte = 6}), "a.json: is 7 bytes of JSON, expected at most 6");
  EXPECT_EQ(refusal(R"({"a":1,"b":2})", {.n_key = 1}), "a.json: has an object of more than 1 keys");
}

TEST(Json, AValueKnowsWhereItStands) {
  const Json json = parse_json(
      R"({"layers": [{"k": 2}, {"k": 0.9}], "name": "x", "none": null, "big": 18446744073709551615})", "p");
  const JsonValue root(json, "p.json", ErrorKind::bad_model);
  const JsonValue layers = root.at("layers");
  EXPECT_EQ(layers[0].at("k").integer(1, 64), 2);
  const auto message = [](auto&& f) { return message_of(f); };
  EXPECT_EQ(message([&] { layers[1].at("k").integer(1, 64); }),
            "p.json: layers[1].k is 0.9, expected an integer of 1 to 64");
  EXPECT_EQ(message([&] { root.at("big").integer(0, INT64_MAX); }),
            "p.json: big is 18446744073709551615, expected an integer of 0 to 9223372036854775807");
  EXPECT_EQ(message([&] { layers[0].at("k").boolean(); }),
            "p.json: layers[0].k is 2, expected true or false");
  EXPECT_EQ(message([&] { layers[0].at("q"); }), "p.json: layers[0]: field q is missing");
  EXPECT_EQ(message([&] { layers[2]; }),
            R"(p.json: layers is [{"k":2},{"k":0.9}], expected a list of more than 2)");
  EXPECT_EQ(message([&] {
              root.only({"layers", "name", "none"});
            }),
            "p.json: unknown field \"big\"; known: layers, name, none");
  EXPECT_EQ(message([&] { root.at("name").real(0, 1); }),
            "p.json: name is \"x\", expected a number of 0 to 1");
  EXPECT_EQ(message([&] { root.list(0, 1); }).substr(0, 24), "p.json: the whole is {\"l");
  EXPECT_FALSE(root.find("none"));
  EXPECT_FALSE(root.find("absent"));
  EXPECT_EQ(root.fields().size(), 4u);
  EXPECT_EQ(root.at("name").text(), "x");
}

TEST(Json, AFileThatIsNoFileIsRefusedWithoutReadingIt) {
  EXPECT_EQ(message_of([] { read_json("/dev/zero"); }), "/dev/zero: is not a regular file");
  EXPECT_EQ(message_of([] { read_json("/nowhere/a.json"); }), "/nowhere/a.json: cannot open");
}

}  // namespace
}  // namespace rouse
