/// tokenizer/json_schema.cpp - a subset of JSON schema as a grammar; what is understood stands in grammar.h.
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "tokenizer/grammar.h"

namespace rouse {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kPrimitives = R"gbnf(
ws ::= [ \t\n]?
char ::= [^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})
string ::= "\"" char* "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
number ::= integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?
boolean ::= "true" | "false"
null ::= "null"
value ::= object | array | string | number | boolean | null
object ::= "{" ws (string ws ":" ws value ws ("," ws string ws ":" ws value ws)*)? "}"
array ::= "[" ws (value ws ("," ws value ws)*)? "]"
)gbnf";

/// Text as a GBNF literal.
std::string literal(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += cat('\\', c);
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

/// Annotations that restrict nothing.
constexpr const char* kIgnored[] = {"title", "description", "default",  "examples", "$schema",   "$id",
                                    "$defs", "definitions", "$comment", "format",   "deprecated"};

class Converter {
 public:
  explicit Converter(const Json& root) : root_(root) {}

  std::string grammar() {
    const std::string whole = convert(root_, "#", 0);
    std::string out = "root ::= ws " + whole + " ws\n";
    for (const auto& [name, rule] : rules_) out += name + " ::= " + rule + "\n";
    return out + kPrimitives;
  }

 private:
  /// Refuses keywords beside those in `known`.
  static void only(const Json& schema, const std::string& where, std::initializer_list<const char*> known) {
    for (const auto& [key, value] : schema.items()) {
      const auto is = [&](const char* name) { return key == name; };
      require_usage(std::any_of(known.begin(), known.end(), is) ||
                        std::any_of(std::begin(kIgnored), std::end(kIgnored), is),
                    "JSON schema: ", where, ": \"", key, "\" is not understood here");
    }
  }
  static int64_t count(const Json& schema, const char* key, int64_t fallback, const std::string& where) {
    if (!schema.contains(key)) return fallback;
    require_usage(schema[key].is_number_integer() && schema[key].get<int64_t>() >= 0 &&
                      schema[key].get<int64_t>() <= 1000,
                  "JSON schema: ", where, ": ", key, " is ", schema[key].dump(), ", expected 0 to 1000");
    return schema[key].get<int64_t>();
  }
  static std::string times(int64_t low, int64_t high) {
    return high < 0 ? cat("{", low, ",}") : cat("{", low, ",", high, "}");
  }

  std::string add(std::string rule) {
    const std::string name = cat("r", rules_.size());
    rules_.emplace_back(name, std::move(rule));
    return name;
  }

  /// An expression for the schema, in parentheses where it has alternatives.
  std::string convert(const Json& schema, const std::string& where, int depth) {
    require_usage(depth < 64, "JSON schema: ", where, ": nested more than 64 deep");
    if (schema.is_boolean() && schema.get<bool>()) return "value";
    require_usage(schema.is_object(), "JSON schema: ", where, ": is no object");
    if (schema.contains("$ref")) return reference(schema, where, depth);
    for (const char* key : {"anyOf", "oneOf"})
      if (schema.contains(key)) {
        only(schema, where, {key});
        return alternatives(schema[key], cat(where, "/", key), depth);
      }
    if (schema.contains("const")) {
      only(schema, where, {"const", "type"});
      return literal(schema["const"].dump());
    }
    if (schema.contains("enum")) {
      only(schema, where, {"enum", "type"});
      require_usage(schema["enum"].is_array() && !schema["enum"].empty(), "JSON schema: ", where,
                    ": enum is no list of values");
      std::vector<std::string> parts;
      for (const Json& v : schema["enum"]) parts.push_back(literal(v.dump()));
      return "(" + join(parts, " | ") + ")";
    }
    if (!schema.contains("type")) {
      if (schema.contains("properties")) return object(schema, where, depth);
      only(schema, where, {});
      return "value";
    }
    if (schema["type"].is_array()) {
      std::vector<std::string> parts;
      for (const Json& type : schema["type"]) {
        Json one = schema;
        one["type"] = type;
        parts.push_back(convert(one, where, depth + 1));
      }
      require_usage(!parts.empty(), "JSON schema: ", where, ": type is an empty list");
      return "(" + join(parts, " | ") + ")";
    }
    require_usage(schema["type"].is_string(), "JSON schema: ", where, ": type is no text");
    const std::string type = schema["type"];
    if (type == "object") return object(schema, where, depth);
    if (type == "array") return array(schema, where, depth);
    if (type == "string") {
      only(schema, where, {"type", "minLength", "maxLength"});
      const int64_t low = count(schema, "minLength", 0, where), high = count(schema, "maxLength", -1, where);
      return low == 0 && high < 0 ? "string" : "\"\\\"\" char" + times(low, high) + " \"\\\"\"";
    }
    for (const char* plain : {"number", "integer", "boolean", "null"})
      if (type == plain) {
        only(schema, where, {"type"});
        return type;
      }
    throw Error(cat("JSON schema: ", where, ": unknown type \"", type, "\""), Exit::usage);
  }

  std::string alternatives(const Json& list, const std::string& where, int depth) {
    require_usage(list.is_array() && !list.empty(), "JSON schema: ", where, ": is no list of schemas");
    std::vector<std::string> parts;
    for (size_t i = 0; i < list.size(); ++i) parts.push_back(convert(list[i], cat(where, "/", i), depth + 1));
    return "(" + join(parts, " | ") + ")";
  }

  std::string reference(const Json& schema, const std::string& where, int depth) {
    only(schema, where, {"$ref"});
    const std::string path = schema["$ref"].is_string() ? schema["$ref"].get<std::string>() : "";
    require_usage(path.rfind("#/$defs/", 0) == 0 || path.rfind("#/definitions/", 0) == 0,
                  "JSON schema: ", where, ": $ref ", schema["$ref"].dump(),
                  " is not below #/$defs or #/definitions");
    const auto known = references_.find(path);
    if (known != references_.end()) return known->second;
    Json target;
    try {
      target = root_.at(Json::json_pointer(path.substr(1)));
    } catch (const std::exception&) {
      throw Error(cat("JSON schema: ", where, ": $ref ", path, " leads nowhere"), Exit::usage);
    }
    const std::string name = cat("ref", references_.size());
    references_[path] = name;  // before its rule is made: it may contain itself
    const std::string rule = convert(target, path, depth + 1);
    rules_.emplace_back(name, rule);
    return name;
  }

  std::string array(const Json& schema, const std::string& where, int depth) {
    only(schema, where, {"type", "items", "minItems", "maxItems"});
    const std::string item =
        schema.contains("items") ? convert(schema["items"], where + "/items", depth + 1) : "value";
    const int64_t low = count(schema, "minItems", 0, where), high = count(schema, "maxItems", -1, where);
    require_usage(high < 0 || low <= high, "JSON schema: ", where, ": minItems is above maxItems");
    if (high == 0) return add("\"[\" ws \"]\"");
    const std::string more =
        "(\",\" ws " + item + " ws)" + times(std::max<int64_t>(0, low - 1), high < 0 ? -1 : high - 1);
    const std::string items = item + " ws " + more;
    return add("\"[\" ws " + (low == 0 ? "(" + items + ")?" : items) + " \"]\"");
  }

  /// Properties in the schema's order; an optional one may be left out, with its comma.
  std::string object(const Json& schema, const std::string& where, int depth) {
    only(schema, where, {"type", "properties", "required", "additionalProperties"});
    require_usage(!schema.contains("additionalProperties") || schema["additionalProperties"] == false,
                  "JSON schema: ", where, ": additionalProperties must be false or left out");
    const Json properties = schema.value("properties", Json::object());
    require_usage(properties.is_object(), "JSON schema: ", where, ": properties is no object");
    if (!schema.contains("properties")) return "object";
    std::map<std::string, bool> required;
    for (const Json& name : schema.value("required", Json::array())) {
      require_usage(name.is_string() && properties.contains(name.get<std::string>()), "JSON schema: ", where,
                    ": required names ", name.dump(), ", which is no property");
      required[name] = true;
    }
    std::vector<std::string> pairs;
    std::vector<bool> must;
    for (const auto& [name, value] : properties.items()) {
      pairs.push_back(add(literal(Json(name).dump()) + " ws \":\" ws " +
                          convert(value, cat(where, "/properties/", name), depth + 1) + " ws"));
      must.push_back(required.count(name) > 0);
    }
    // tail[i]: what may follow once a pair was written, from property i on.
    std::vector<std::string> tail(pairs.size() + 1);
    for (size_t i = pairs.size(); i-- > 0;) {
      const std::string rest = tail[i + 1].empty() ? "" : " " + tail[i + 1];
      const std::string pair = "\",\" ws " + pairs[i];
      tail[i] = must[i] ? add(pair + rest) : add("(" + pair + ")?" + rest);
    }
    // The first pair written is any up to the first that must be.
    std::vector<std::string> starts;
    bool empty_allowed = true;
    for (size_t i = 0; i < pairs.size() && empty_allowed; ++i) {
      starts.push_back(pairs[i] + (tail[i + 1].empty() ? "" : " " + tail[i + 1]));
      empty_allowed = !must[i];
    }
    if (starts.empty()) return add("\"{\" ws \"}\"");
    return add("\"{\" ws (" + join(starts, " | ") + ")" + (empty_allowed ? "?" : "") + " \"}\"");
  }

  const Json& root_;
  std::vector<std::pair<std::string, std::string>> rules_;
  std::map<std::string, std::string> references_;
};

}  // namespace

std::string json_schema_grammar(const std::string& schema) {
  const Json root = Json::parse(schema, nullptr, false);
  require_usage(!root.is_discarded(), "the JSON schema is no JSON");
  return Converter(root).grammar();
}

}  // namespace rouse
