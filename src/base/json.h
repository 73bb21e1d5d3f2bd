/// base/json.h - the one reader of JSON that comes from outside: bounded text, then values that know where
/// they stand.
///
/// Whatever is read so can be copied, compared and written again without danger: libraries recurse over
/// depth, and objects are searched from end to end.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rouse {

using Json = nlohmann::ordered_json;

struct JsonBounds {
  size_t n_byte = size_t{64} << 20;
  int depth = 64;
  size_t n_key = 4096;                        ///< of one object
  size_t n_value = size_t{10} * 1000 * 1000;  ///< 64 bytes and more each, whatever they take in the text
};

/// Text to a value. Throws Error with that exit code: `where` (a file, a line of a file), what is wrong, at
/// which line and column. Refused: more than the bounds, a key twice in one object, text after the value, no
/// UTF-8.
Json parse_json(std::string_view text, const std::string& where, ErrorKind kind = ErrorKind::usage,
                const JsonBounds& bounds = {});
/// The whole file, read and parsed. Throws Error with that exit code when it cannot be opened or is no
/// regular file.
Json read_json(const std::string& path, ErrorKind kind = ErrorKind::usage, const JsonBounds& bounds = {});

/// At most some 60 characters of a value, for messages.
std::string json_text(const Json& value);

/// A value with its path: errors read `m.cor.json: layers[3].k is 0.9, expected an integer of 1 to 64`.
/// A view: the Json must outlive it. All functions throw Error with the exit code given at the start. `where`
/// may be empty, for who adds the place to the message.
class JsonValue {
 public:
  JsonValue(const Json& value, std::string where, ErrorKind kind = ErrorKind::usage)
      : JsonValue(value, std::move(where), "", kind) {}

  /// A field that must be there.
  JsonValue at(const std::string& key) const;
  /// A field that may be left out; null counts as left out.
  std::optional<JsonValue> find(const std::string& key) const;
  /// Refuses every other field.
  void only(std::initializer_list<std::string_view> keys) const;
  /// Entry i of a list.
  JsonValue operator[](size_t i) const;
  /// The entries of a list of low to high of them.
  std::vector<JsonValue> list(size_t low, size_t high) const;
  /// The same as numbers or texts at once: low_n to high_n of them, each as real(), integer() or text() takes
  /// it.
  std::vector<double> reals(size_t low_n, size_t high_n, double low, double high) const;
  std::vector<int> integers(size_t low_n, size_t high_n, int low, int high) const;
  std::vector<std::string> texts(size_t low_n, size_t high_n) const;
  /// The fields of an object, in the text's order.
  std::vector<std::pair<std::string, JsonValue>> fields() const;

  /// An integer, not merely a number without a fraction.
  int64_t integer(int64_t low, int64_t high) const;
  /// Any that fits, such as a seed.
  uint64_t natural() const;
  /// Finite, and within [low, high].
  double real(double low, double high) const;
  bool boolean() const;
  /// At most so many bytes.
  const std::string& text(size_t n_byte = size_t{1} << 20) const;
  bool is_null() const { return value_->is_null(); }
  const Json& json() const { return *value_; }

  /// "WHERE: PATH: ", as far as they are known, for messages.
  std::string place() const;
  /// `where: path is VALUE, expected ...`
  [[noreturn]] void refuse(const std::string& expected) const;

 private:
  JsonValue(const Json& value, std::string where, std::string path, ErrorKind kind)
      : value_(&value), where_(std::move(where)), path_(std::move(path)), kind_(kind) {}
  const Json& object() const;
  const Json& array(size_t low, size_t high) const;

  const Json* value_;
  std::string where_, path_;
  ErrorKind kind_;
};

}  // namespace rouse
