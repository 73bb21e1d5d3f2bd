#include "tokenizer/schema_kinds.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"

namespace rouse {

Kinds kind_of(const Json& value) {
  if (value.is_null()) return kNull;
  if (value.is_boolean()) return kBoolean;
  if (value.is_string()) return kString;
  if (value.is_array()) return kArray;
  if (value.is_object()) return kObject;
  return value.is_number_integer() || std::floor(value.get<double>()) == value.get<double>() ? kInteger
                                                                                             : kFraction;
}

Kinds declared_kinds(const Json& schema, const std::string& where) {
  if (!schema.contains("type")) return kEveryKind;
  const Json& type = schema["type"];
  require_usage(type.is_string() || (type.is_array() && !type.empty()), "JSON schema: ", where, ": type is ",
                json_text(type), ", expected a name or a list of names");
  constexpr std::pair<const char*, Kinds> kNames[] = {
      {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kInteger | kFraction},
      {"string", kString}, {"array", kArray},     {"object", kObject}};
  Kinds out = 0;
  for (const Json& name : type.is_array() ? type : Json::array({type})) {
    const auto known =
        std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& n) { return name == n.first; });
    require_usage(known != std::end(kNames), "JSON schema: ", where, ": unknown type ", json_text(name));
    out |= known->second;
  }
  return out;
}

size_t schema_count(const Json& schema, const char* key, size_t fallback, const std::string& where) {
  const auto found = schema.find(key);
  if (found == schema.end()) return fallback;
  require_usage(found->is_number_unsigned() && found->get<uint64_t>() <= kMostCount, "JSON schema: ", where,
                ": ", key, " is ", json_text(*found), ", expected 0 to ", kMostCount);
  return found->get<size_t>();
}

const Json* schema_at(const Json& root, const std::string& path) {
  try {
    return &root.at(Json::json_pointer(path.substr(1)));
  } catch (const Json::exception&) {
    return nullptr;
  }
}

bool SchemasApart::apart(const Json& a, const Json& b, int depth) {
  if (depth > 32 || !spend()) return false;
  for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    if (one->is_boolean()) return !one->get<bool>();
    if (!one->is_object()) return false;
    if (const auto ref = one->find("$ref"); ref != one->end()) {
      const Json* target = ref->is_string() ? schema_at(root_, ref->get<std::string>()) : nullptr;
      return target && apart(*target, *other, depth + 1);
    }
    for (const char* key : {"anyOf", "oneOf"})
      if (one->contains(key)) return every_choice_apart((*one)[key], *other, depth);
    if (other->is_object() && every_value_apart(*one, *other)) return true;
  }
  const Kinds both = declared_kinds(a, "#") & declared_kinds(b, "#");
  const auto lengths_apart = [&](const char* low, const char* high) {
    return schema_count(a, low, 0, "#") > schema_count(b, high, kNoCount, "#") ||
           schema_count(b, low, 0, "#") > schema_count(a, high, kNoCount, "#");
  };
  return (both & ~(kString | kArray | kObject)) == 0 &&
         (!(both & kString) || lengths_apart("minLength", "maxLength")) &&
         (!(both & kArray) || lengths_apart("minItems", "maxItems")) &&
         (!(both & kObject) || objects_apart(a, b, depth));
}

bool SchemasApart::every_choice_apart(const Json& choices, const Json& b, int depth) {
  return choices.is_array() && std::all_of(choices.begin(), choices.end(),
                                           [&](const Json& choice) { return apart(choice, b, depth + 1); });
}

/// The values of `const` or `enum`; nothing where neither stands.
static std::span<const Json> listed_values(const Json& schema) {
  if (const auto found = schema.find("const"); found != schema.end()) return {&*found, 1};
  const auto found = schema.find("enum");
  if (found == schema.end() || !found->is_array()) return {};
  return found->get_ref<const Json::array_t&>();
}

static bool equal_values(const Json& a, const Json& b) {
  if (a.is_structured() && b.is_structured())  // as plain JSON: there the order of keys does not matter
    return nlohmann::json(a) == nlohmann::json(b);
  return a == b;
}

/// No value that a lists is of a kind of b and among those that b lists.
bool SchemasApart::every_value_apart(const Json& a, const Json& b) {
  const auto ours = listed_values(a), theirs = listed_values(b);
  const Kinds kinds = declared_kinds(a, "#") & declared_kinds(b, "#");
  return !ours.empty() && std::all_of(ours.begin(), ours.end(), [&](const Json& value) {
    if (!spend()) return false;
    const bool of_no_kind = (kind_of(value) & kinds) == 0;
    return of_no_kind ||
           (!theirs.empty() && std::none_of(theirs.begin(), theirs.end(), [&](const Json& other) {
             return !spend() || equal_values(value, other);
           }));
  });
}

/// A field that one of them requires takes no value in both.
bool SchemasApart::objects_apart(const Json& a, const Json& b, int depth) {
  static const Json kAnything = true, kNone = Json::array();
  const auto part = [](const Json& whole, const std::string& key) -> const Json* {
    const auto found = whole.is_object() ? whole.find(key) : whole.end();
    return found == whole.end() ? nullptr : &*found;
  };
  const auto field = [&](const Json& schema, const std::string& name) {
    const Json* properties = part(schema, "properties");
    return properties ? part(*properties, name) : nullptr;
  };
  for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    const Json* required = part(*one, "required");
    const Json* others = part(*other, "additionalProperties");
    for (const Json& name : required ? *required : kNone) {
      if (!name.is_string() || !spend()) return false;
      const Json* theirs = field(*other, name.get<std::string>());
      if (!theirs && others && *others == false) return true;
      const Json* ours = field(*one, name.get<std::string>());
      if (theirs && apart(ours ? *ours : kAnything, *theirs, depth + 1)) return true;
    }
  }
  return false;
}

}  // namespace rouse
