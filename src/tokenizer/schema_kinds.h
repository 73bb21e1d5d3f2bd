/// tokenizer/schema_kinds.h - what JSON schemas say of values: their kinds, and whether two of them can fit
/// one.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "base/json.h"

namespace rouse {

/// Sets of kinds, as bits. An integer is a number without a fraction: 1.0 is one, and fits "number" too.
using Kinds = unsigned;
enum : Kinds {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kEveryKind = 127
};

Kinds kind_of(const Json& value);
/// What `type` allows; every kind where it is missing. Throws Error (exit 2) naming `where`.
Kinds declared_kinds(const Json& schema, const std::string& where);
/// A count such as minItems. Throws Error (exit 2).
size_t schema_count(const Json& schema, const char* key, size_t fallback, const std::string& where);
constexpr size_t kMostCount = 1000;    ///< of minItems and the like
constexpr size_t kNoCount = SIZE_MAX;  ///< no upper one

/// What `#/...` of a $ref leads to; nullptr: nowhere.
const Json* schema_at(const Json& root, const std::string& path);

/// Whether it can be shown that no value fits two schemas of one document, as `oneOf` asks for.
class SchemasApart {
 public:
  explicit SchemasApart(const Json& root) : root_(root) {}
  /// False also where it takes too long to show.
  bool operator()(const Json& a, const Json& b) { return apart(a, b, 0); }

 private:
  bool apart(const Json& a, const Json& b, int depth);
  bool every_choice_apart(const Json& choices, const Json& b, int depth);
  bool every_value_apart(const Json& a, const Json& b);
  bool objects_apart(const Json& a, const Json& b, int depth);
  bool spend() { return work_ > 0 && work_-- > 0; }

  const Json& root_;
  int work_ = 1 << 20;
};

}  // namespace rouse
