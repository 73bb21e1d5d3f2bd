/// tokenizer/json_schema.cpp - a subset of JSON schema (draft 2020-12) as a grammar; docs/methods.md says
/// which.
///
/// A schema becomes rules, each made once: definitions when a $ref first names them, equal rules one. What a
/// keyword says of one kind of value, it says nothing of any other.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/text.h"
#include "tokenizer/gbnf.h"
#include "tokenizer/grammar.h"
#include "tokenizer/schema_kinds.h"

namespace rouse {
namespace {

/// Numbers stay finite as doubles. An escaped character beyond \uFFFF is a pair of surrogates and counts as
/// one; a half alone is no character.
constexpr const char* kPrimitives = R"gbnf(
ws ::= [ \t\n]?
hex ::= [0-9a-fA-F]
code ::= [0-9A-Ca-cE-Fe-f] hex{3} | [Dd] [0-7] hex{2} | [Dd] [89ABab] hex{2} "\\u" [Dd] [C-Fc-f] hex{2}
char ::= [^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" code)
string ::= "\"" char* "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
number ::= integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
null ::= "null"
value ::= object | array | string | number | boolean | null
object ::= "{" ws (string ws ":" ws value ws ("," ws string ws ":" ws value ws)*)? "}"
array ::= "[" ws (value ws ("," ws value ws)*)? "]"
)gbnf";

/// Annotations that restrict nothing, and definitions.
constexpr const char* kIgnored[] = {"title",   "description", "default",     "examples",
                                    "$schema", "$defs",       "definitions", "$comment",
                                    "format",  "deprecated",  "readOnly",    "writeOnly"};

/// A value in its one spelling, as a GBNF literal. JSON's own escapes leave no control character.
std::string literal(const Json& value) {
  std::string out = "\"";
  for (const char c : value.dump()) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string times(size_t low, size_t high) {
  return high == kNoCount ? cat("{", low, ",}") : cat("{", low, ",", high, "}");
}

class Converter {
 public:
  explicit Converter(const Json& root) : root_(root), apart_(root) {}

  std::string grammar() {
    std::string out = "root ::= ws " + convert(root_, "#") + " ws\n";
    for (size_t i = 0; i < definitions_.size(); ++i) {  // which may name further ones
      const std::string path = definitions_[i].path;
      const std::string rule = convert(*definitions_[i].schema, path);
      out += definitions_[i].name + " ::= " + rule + "\n";
    }
    for (const auto& [name, rule] : rules_) out += name + " ::= " + rule + "\n";
    out += kPrimitives;
    require_usage(out.size() <= GbnfBounds::n_byte, "JSON schema: its grammar is ", out.size(),
                  " bytes, expected at most ", GbnfBounds::n_byte);
    return out;
  }

 private:
  /// Refuses keywords beside those in `known`.
  static void only(const Json& schema, const std::string& where, std::initializer_list<const char*> known) {
    for (const auto& field : schema.items()) {
      const auto is = [&](const char* name) { return field.key() == name; };
      require_usage(std::any_of(known.begin(), known.end(), is) ||
                        std::any_of(std::begin(kIgnored), std::end(kIgnored), is) ||
                        (field.key() == "$id" && where == "#"),
                    "JSON schema: ", where, ": ", json_text(field.key()), " is not understood here");
    }
  }
  static std::pair<size_t, size_t> counts(const Json& schema, const char* low_key, const char* high_key,
                                          const std::string& where) {
    const size_t low = schema_count(schema, low_key, 0, where),
                 high = schema_count(schema, high_key, kNoCount, where);
    require_usage(low <= high, "JSON schema: ", where, ": ", low_key, " is above ", high_key);
    return {low, high};
  }

  /// The name of a rule.
  std::string add(const std::string& rule) {
    const auto [known, added] = names_.try_emplace(rule, cat("r", names_.size()));
    if (added) rules_.emplace_back(known->second, rule);
    return known->second;
  }
  std::string choice(const std::vector<std::string>& parts) {
    return parts.size() == 1 ? parts[0] : add(join(parts, " | "));
  }

  /// The name of a rule, or a literal.
  std::string convert(const Json& schema, const std::string& where) {
    if (schema.is_boolean() && schema.get<bool>()) return "value";
    require_usage(schema.is_object(), "JSON schema: ", where, ": is ", json_text(schema),
                  ", expected an object or true");
    if (schema.contains("$ref")) return reference(schema, where);
    if (schema.contains("anyOf")) return any_of(schema, "anyOf", where);
    if (schema.contains("oneOf")) return one_of(schema, where);
    if (schema.contains("const")) return listed(schema, "const", Json::array({schema["const"]}), where);
    if (schema.contains("enum")) return listed(schema, "enum", schema["enum"], where);
    return typed(schema, where);
  }

  std::string any_of(const Json& schema, const char* key, const std::string& where) {
    only(schema, where, {key});
    const Json& list = schema[key];
    require_usage(list.is_array() && !list.empty(), "JSON schema: ", where, ": ", key,
                  " is not a list of schemas");
    std::vector<std::string> parts;
    for (size_t i = 0; i < list.size(); ++i) parts.push_back(convert(list[i], cat(where, "/", key, "/", i)));
    return choice(parts);
  }
  std::string one_of(const Json& schema, const std::string& where) {
    const std::string out = any_of(schema, "oneOf", where);
    const Json& list = schema["oneOf"];
    for (size_t i = 0; i < list.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        require_usage(apart_(list[j], list[i]), "JSON schema: ", where,
                      ": it cannot be shown that of oneOf, ", j, " and ", i,
                      " never fit the same value; where both may, write anyOf");
    return out;
  }

  std::string reference(const Json& schema, const std::string& where) {
    only(schema, where, {"$ref"});
    const std::string path = schema["$ref"].is_string() ? schema["$ref"].get<std::string>() : "";
    require_usage(path.rfind("#/$defs/", 0) == 0 || path.rfind("#/definitions/", 0) == 0,
                  "JSON schema: ", where, ": $ref ", json_text(schema["$ref"]),
                  " is not below #/$defs or #/definitions");
    const auto [known, added] = references_.try_emplace(path, references_.size());
    if (added) {
      const Json* target = schema_at(root_, path);
      require_usage(target != nullptr, "JSON schema: ", where, ": $ref ", json_text(schema["$ref"]),
                    " leads nowhere");
      std::string name = cat("ref", known->second, "-");
      for (const char c : path.substr(path.rfind('/') + 1).substr(0, 40))
        if (std::isalnum(static_cast<unsigned char>(c))) name += c;
      definitions_.push_back({name, path, target});
    }
    return definitions_[known->second].name;
  }

  std::string listed(const Json& schema, const char* key, const Json& values, const std::string& where) {
    only(schema, where, {key, "type"});
    require_usage(values.is_array() && !values.empty(), "JSON schema: ", where, ": ", key,
                  " is not a list of values");
    const Kinds kinds = declared_kinds(schema, where);
    std::vector<std::string> parts;
    for (const Json& value : values) {
      if ((kind_of(value) & kinds) == 0) continue;
      require_exact(value, where);
      parts.push_back(literal(value));
    }
    require_usage(!parts.empty(), "JSON schema: ", where, ": no value of ", key, " is of type ",
                  json_text(schema.value("type", Json())));
    return choice(parts);
  }
  /// Integers beyond 64 bits were rounded when they were read.
  static void require_exact(const Json& value, const std::string& where) {
    require_usage(!value.is_number_float() || std::abs(value.get<double>()) < 0x1p63, "JSON schema: ", where,
                  ": the number ", json_text(value), " is too large to be kept exactly");
    if (value.is_structured())
      for (const Json& part : value) require_exact(part, where);
  }

  std::string typed(const Json& schema, const std::string& where) {
    only(schema, where,
         {"type", "minLength", "maxLength", "items", "minItems", "maxItems", "properties", "required",
          "additionalProperties"});
    const auto has = [&](std::initializer_list<const char*> keys) {
      return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return schema.contains(key); });
    };
    Kinds spoken_of = 0;
    if (has({"minLength", "maxLength"})) spoken_of |= kString;
    if (has({"items", "minItems", "maxItems"})) spoken_of |= kArray;
    if (has({"properties", "required", "additionalProperties"})) spoken_of |= kObject;
    if (!schema.contains("type") && spoken_of == 0) return "value";
    // Without a type every other kind fits too, but the author has these in mind.
    const Kinds kinds = schema.contains("type") ? declared_kinds(schema, where) : spoken_of;
    std::vector<std::string> parts;
    if (kinds & kObject) parts.push_back(spoken_of & kObject ? object(schema, where) : "object");
    if (kinds & kArray) parts.push_back(spoken_of & kArray ? array(schema, where) : "array");
    if (kinds & kString) parts.push_back(spoken_of & kString ? string(schema, where) : "string");
    if (kinds & kInteger) parts.push_back(kinds & kFraction ? "number" : "integer");
    if (kinds & kBoolean) parts.push_back("boolean");
    if (kinds & kNull) parts.push_back("null");
    return choice(parts);
  }

  std::string string(const Json& schema, const std::string& where) {
    const auto [low, high] = counts(schema, "minLength", "maxLength", where);
    return add("\"\\\"\" char" + times(low, high) + " \"\\\"\"");
  }

  std::string array(const Json& schema, const std::string& where) {
    const auto [low, high] = counts(schema, "minItems", "maxItems", where);
    const std::string item = schema.contains("items") ? convert(schema["items"], where + "/items") : "value";
    if (high == 0) return add("\"[\" ws \"]\"");
    const std::string more = add("\",\" ws " + item + " ws") +
                             times(low == 0 ? 0 : low - 1, high == kNoCount ? kNoCount : high - 1);
    const std::string items = item + " ws " + more;
    return add("\"[\" ws " + (low == 0 ? "(" + items + ")?" : items) + " \"]\"");
  }

  /// Properties in the schema's order; an optional one may be left out, with its comma.
  std::string object(const Json& schema, const std::string& where) {
    require_usage(!schema.contains("additionalProperties") || schema["additionalProperties"] == false,
                  "JSON schema: ", where, ": additionalProperties must be false or left out");
    const Json required = schema.value("required", Json::array());
    require_usage(required.is_array(), "JSON schema: ", where, ": required is not a list of names");
    std::unordered_set<std::string> must;
    for (const Json& name : required) {
      require_usage(name.is_string(), "JSON schema: ", where, ": required is not a list of names");
      must.insert(name.get<std::string>());
    }
    // Any field may come where neither fields are named nor others forbidden.
    if (!schema.contains("properties") && !schema.contains("additionalProperties") && must.empty())
      return "object";
    Json properties = schema.value("properties", Json::object());
    require_usage(properties.is_object(), "JSON schema: ", where, ": properties is not an object");
    std::unordered_set<std::string> known;
    for (const auto& field : properties.items()) known.insert(field.key());
    for (const std::string& name : must) {
      require_usage(known.count(name) > 0 ||
                        !(schema.contains("properties") || schema.contains("additionalProperties")),
                    "JSON schema: ", where, ": required names ", json_text(name),
                    ", which is not a property");
    }
    if (!schema.contains("properties"))
      for (const Json& name : required) properties[name.get<std::string>()] = true;
    return fields(properties, must, where);
  }
  std::string fields(const Json& properties, const std::unordered_set<std::string>& required,
                     const std::string& where) {
    std::vector<std::string> pairs;
    std::vector<bool> must;
    for (const auto& field : properties.items()) {
      pairs.push_back(add(literal(field.key()) + " ws \":\" ws " +
                          convert(field.value(), cat(where, "/properties/", field.key())) + " ws"));
      must.push_back(required.count(field.key()) > 0);
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

  struct Definition {
    std::string name, path;
    const Json* schema;
  };

  const Json& root_;
  SchemasApart apart_;
  std::vector<std::pair<std::string, std::string>> rules_;
  std::unordered_map<std::string, std::string> names_;  ///< of rules, by what they say
  std::unordered_map<std::string, size_t> references_;  ///< of $ref to definitions_
  std::vector<Definition> definitions_;
};

}  // namespace

std::string json_schema_grammar(std::string_view schema) {
  const Json root = parse_json(schema, "JSON schema", ErrorKind::usage, {.n_byte = GbnfBounds::n_byte});
  std::string grammar = Converter(root).grammar();
  try {
    (void)parse_gbnf(grammar);  // definitions that need themselves for ever, and what counts multiply to
  } catch (const Error& e) {
    throw e.within("JSON schema");
  }
  return grammar;
}

}  // namespace rouse
