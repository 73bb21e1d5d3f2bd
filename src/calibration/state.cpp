#include "calibration/state.h"

#include <filesystem>

namespace rouse {

/// "tokens was 60, now it is 80": the first value that two headers do not share, options before what follows
/// from them; "" where all of `now` is the same.
static std::string difference(const Json& before, const Json& now) {
  for (const bool options : {true, false})
    for (const auto& [key, value] : now.items()) {
      const Json was = before.value(key, Json());
      if (was == value || options != (was.is_object() && value.is_object())) continue;
      const std::string text = options ? difference(was, value)
                                       : cat(key, " was ", json_text(was), ", now it is ", json_text(value));
      if (!text.empty()) return text;
    }
  return "";
}

/// The header of another calibration; null for any other line.
static Json other_header(std::string_view line, const Json& ours) {
  try {
    Json json = parse_json(line, "");
    const bool header = json.is_object() && json.value("format", Json()) == ours.at("format");
    return header ? json : Json();
  } catch (const Error&) {
    return {};
  }
}

WorkState::WorkState(const std::string& path, const Json& header, bool restart)
    : log_(path), header_(header.dump()) {
  const auto require_state = [&](bool ok) {
    require_usage(ok, path, ": is not an unfinished calibration; choose another -o");
  };
  bool other = false;
  log_.read([&](std::string_view text, const std::string& where) {
    if (other) return;
    if (begun_) {
      const Json json = parse_json(text, where, ErrorKind::bad_file);
      const JsonValue line(json, where, ErrorKind::bad_file);
      line.only({"unit", "result"});
      const std::string& unit = line.at("unit").text();
      units_[unit] = line.at("result").json();
      return;
    }
    begun_ = text == header_;
    if (begun_) return;
    const Json before = other_header(text, header);
    require_state(!before.is_null());
    if (!restart)
      throw Error(cat(path, ": holds the state of another calibration (", difference(before, header), ")"),
                  ErrorKind::usage, "force");
    other = true;
  });
  require_state(begun_ || other || header_.starts_with(log_.cut_off()));
  if (other) log_.begin_anew();
}

const Json* WorkState::find(const std::string& unit) const {
  const auto found = units_.find(unit);
  return found == units_.end() ? nullptr : &found->second;
}

void WorkState::add(const std::string& unit, const Json& result) {
  if (!begun_) log_.add(header_);
  begun_ = true;
  log_.add(Json{{"unit", unit}, {"result", result}}.dump());
  units_[unit] = result;
}

void WorkState::remove() {
  if (begun_) std::filesystem::remove(log_.path());
}

}  // namespace rouse
