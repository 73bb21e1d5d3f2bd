#include "base/json.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <unordered_set>

#include "base/text.h"

namespace rouse {

/// What the library says, without its own numbering: "[json.exception.parse_error.101] parse error at line
/// ...".
static std::string plain(const std::exception& e) {
  const std::string text = e.what();
  const size_t end = text.starts_with('[') ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

Json parse_json(std::string_view text, const std::string& where, Exit exit, const JsonBounds& bounds) {
  const auto require_here = [&](bool ok, const auto&... parts) {
    if (!ok) throw Error(cat(where, ": ", parts...), exit);
  };
  require_here(text.size() <= bounds.n_byte, "is ", text.size(), " bytes of JSON, expected at most ",
               bounds.n_byte);
  std::vector<std::unordered_set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
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
    throw Error(cat(where, ": is broken JSON: ", plain(e)), exit);
  }
}

Json read_json(const std::string& path, Exit exit, const JsonBounds& bounds) {
  struct stat info {};
  const bool there = stat(path.c_str(), &info) == 0;
  if (there && !S_ISREG(info.st_mode)) throw Error(cat(path, ": is no regular file"), exit);
  if (there && static_cast<uint64_t>(info.st_size) > bounds.n_byte)
    throw Error(cat(path, ": is ", info.st_size, " bytes, expected at most ", bounds.n_byte), exit);
  std::ifstream in(path, std::ios::binary);
  if (!there || !in.good()) throw Error(cat(path, ": cannot open"), exit);
  return parse_json(std::string{std::istreambuf_iterator<char>(in), {}}, path, exit, bounds);
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

void JsonValue::refuse(const std::string& expected) const {
  throw Error(cat(where_, ": ", path_.empty() ? "the whole" : path_, " is ", json_text(*value_),
                  ", expected ", expected),
              exit_);
}

const Json& JsonValue::object() const {
  if (!value_->is_object()) refuse("an object");
  return *value_;
}

JsonValue JsonValue::at(const std::string& key) const {
  const auto found = object().find(key);
  if (found == value_->end())
    throw Error(cat(where_, ": ", path_.empty() ? "" : path_ + ": ", "field ", key, " is missing"), exit_);
  return {*found, where_, path_.empty() ? key : cat(path_, ".", key), exit_};
}

std::optional<JsonValue> JsonValue::find(const std::string& key) const {
  const auto found = object().find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return at(key);
}

void JsonValue::only(std::initializer_list<std::string_view> keys) const {
  for (const auto& field : object().items())
    if (std::find(keys.begin(), keys.end(), field.key()) == keys.end())
      throw Error(cat(where_, ": ", path_.empty() ? "" : path_ + ": ", "unknown field ",
                      json_text(field.key()), "; known: ", join({keys.begin(), keys.end()}, ", ")),
                  exit_);
}

JsonValue JsonValue::operator[](size_t i) const {
  if (!value_->is_array() || i >= value_->size()) refuse(cat("a list of more than ", i));
  return {(*value_)[i], where_, cat(path_, "[", i, "]"), exit_};
}

std::vector<JsonValue> JsonValue::list(size_t low, size_t high) const {
  if (!value_->is_array() || value_->size() < low || value_->size() > high)
    refuse(low == high ? cat("a list of ", low) : cat("a list of ", low, " to ", high));
  std::vector<JsonValue> out;
  for (size_t i = 0; i < value_->size(); ++i) out.push_back((*this)[i]);
  return out;
}

std::vector<std::pair<std::string, JsonValue>> JsonValue::fields() const {
  std::vector<std::pair<std::string, JsonValue>> out;
  for (const auto& field : object().items()) out.emplace_back(field.key(), at(field.key()));
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
