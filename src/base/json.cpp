#include "base/json.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <unordered_set>

#include "base/known.h"
#include "base/text.h"

namespace rouse {

/// What the library says, without its own numbering: "[json.exception.parse_error.101] parse error at line
/// ...".
static std::string plain(const std::exception& e) {
  const std::string text = e.what();
  const size_t end = text.starts_with('[') ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

Json parse_json(std::string_view text, const std::string& where, ErrorKind kind, const JsonBounds& bounds) {
  const std::string begin = where.empty() ? "" : where + ": ";
  const auto require_here = [&](bool ok, const auto&... parts) {
    if (!ok) throw Error(cat(begin, parts...), kind);
  };
  require_here(text.size() <= bounds.n_byte, "is ", text.size(), " bytes of JSON, expected at most ",
               bounds.n_byte);
  std::vector<std::unordered_set<std::string>> keys;  // of the objects that are open
  size_t n_value = 0;
  const auto check = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start || event == Event::value)
      require_here(++n_value <= bounds.n_value, "has more than ", bounds.n_value, " values");
    if (event == Event::object_start || event == Event::array_start)
      require_here(depth < bounds.depth, "is JSON nested more than ", bounds.depth, " deep");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      require_here(keys.back().insert(key).second, "key ", json_text(parsed), " occurs twice in one object");
      require_here(keys.back().size() <= bounds.n_key, "has an object of more than ", bounds.n_key, " keys");
    }
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::exception& e) {
    throw Error(cat(begin, "is broken JSON: ", plain(e)), kind);
  }
}

Json read_json(const std::string& path, ErrorKind kind, const JsonBounds& bounds) {
  struct stat info {};
  const bool there = stat(path.c_str(), &info) == 0;
  if (there && !S_ISREG(info.st_mode)) throw Error(cat(path, ": is not a regular file"), kind);
  if (there && static_cast<uint64_t>(info.st_size) > bounds.n_byte)
    throw Error(cat(path, ": is ", info.st_size, " bytes, expected at most ", bounds.n_byte), kind);
  std::ifstream in(path, std::ios::binary);
  if (!there || !in.good()) throw Error(cat(path, ": cannot open"), kind);
  return parse_json(std::string{std::istreambuf_iterator<char>(in), {}}, path, kind, bounds);
}

std::string json_text(const Json& value) {
  constexpr size_t kMost = 60;
  if (value.is_structured() && value.size() > kMost)
    return cat(value.is_array() ? "a list of " : "an object of ", value.size());
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMost)
    text = text.substr(0, complete_utf8_prefix(std::string_view(text).substr(0, kMost))) + "...";
  return text;
}

std::string JsonValue::place() const {
  return cat(where_, where_.empty() ? "" : ": ", path_, path_.empty() ? "" : ": ");
}

void JsonValue::refuse(const std::string& expected) const {
  throw Error(cat(where_, where_.empty() ? "" : ": ", path_.empty() ? "the whole" : path_, " is ",
                  json_text(*value_), ", expected ", expected),
              kind_);
}

const Json& JsonValue::object() const {
  if (!value_->is_object()) refuse("an object");
  return *value_;
}

JsonValue JsonValue::at(const std::string& key) const {
  const auto found = object().find(key);
  if (found == value_->end()) throw Error(cat(place(), "field ", key, " is missing"), kind_);
  return {*found, where_, path_.empty() ? key : cat(path_, ".", key), kind_};
}

std::optional<JsonValue> JsonValue::find(const std::string& key) const {
  const auto found = object().find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return at(key);
}

void JsonValue::only(std::initializer_list<std::string_view> keys) const {
  for (const auto& field : object().items())
    if (std::find(keys.begin(), keys.end(), field.key()) == keys.end())
      throw Error(cat(place(), "unknown field ", json_text(field.key()),
                      known_names(field.key(), std::vector<std::string>(keys.begin(), keys.end()))),
                  kind_);
}

JsonValue JsonValue::operator[](size_t i) const {
  if (!value_->is_array() || i >= value_->size()) refuse(cat("a list of more than ", i));
  return {(*value_)[i], where_, cat(path_, "[", i, "]"), kind_};
}

const Json& JsonValue::array(size_t low, size_t high) const {
  if (!value_->is_array() || value_->size() < low || value_->size() > high)
    refuse(low == high ? cat("a list of ", low) : cat("a list of ", low, " to ", high));
  return *value_;
}

std::vector<JsonValue> JsonValue::list(size_t low, size_t high) const {
  std::vector<JsonValue> out;
  for (size_t i = 0; i < array(low, high).size(); ++i) out.push_back((*this)[i]);
  return out;
}

// Entries that are right are read without a path of their own: there may be millions.

std::vector<double> JsonValue::reals(size_t low_n, size_t high_n, double low, double high) const {
  std::vector<double> out;
  for (const Json& entry : array(low_n, high_n)) {
    const bool right = entry.is_number() && entry.get<double>() >= low && entry.get<double>() <= high;
    out.push_back(right ? entry.get<double>() : (*this)[out.size()].real(low, high));
  }
  return out;
}

std::vector<int> JsonValue::integers(size_t low_n, size_t high_n, int low, int high) const {
  std::vector<int> out;
  for (const Json& entry : array(low_n, high_n)) {
    const int64_t value = entry.is_number_integer() ? entry.get<int64_t>() : -1;
    const bool right = value >= 0 && value >= low && value <= high;  // 2^63 and more became negative
    out.push_back(static_cast<int>(right ? value : (*this)[out.size()].integer(low, high)));
  }
  return out;
}

std::vector<std::string> JsonValue::texts(size_t low_n, size_t high_n) const {
  std::vector<std::string> out;
  for (size_t i = 0; i < array(low_n, high_n).size(); ++i) out.push_back((*this)[i].text());
  return out;
}

std::vector<std::pair<std::string, JsonValue>> JsonValue::fields() const {
  std::vector<std::pair<std::string, JsonValue>> out;
  const std::string begin = path_.empty() ? "" : path_ + ".";
  for (const auto& field : object().items())
    out.emplace_back(field.key(), JsonValue(field.value(), where_, begin + field.key(), kind_));
  return out;
}

int64_t JsonValue::integer(int64_t low, int64_t high) const {
  const bool fits =
      value_->is_number_integer() &&
      (!value_->is_number_unsigned() || value_->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (!fits || value_->get<int64_t>() < low || value_->get<int64_t>() > high)
    refuse(cat("an integer of ", low, " to ", high));
  return value_->get<int64_t>();
}

uint64_t JsonValue::natural() const {
  if (!value_->is_number_unsigned()) refuse(cat("an integer of 0 to ", UINT64_MAX));
  return value_->get<uint64_t>();
}

double JsonValue::real(double low, double high) const {
  const double value = value_->is_number() ? value_->get<double>() : NAN;
  if (!(std::isfinite(value) && value >= low && value <= high))
    refuse(cat("a number of ", number_text(low), " to ", number_text(high)));
  return value;
}

bool JsonValue::boolean() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

const std::string& JsonValue::text(size_t n_byte) const {
  if (!value_->is_string()) refuse("text");
  const auto& text = value_->get_ref<const std::string&>();
  if (text.size() > n_byte) refuse(cat("text of at most ", n_byte, " bytes"));
  return text;
}

}  // namespace rouse
