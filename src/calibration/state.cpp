#include "calibration/state.h"

namespace rouse {

WorkState::WorkState(const std::string& path, const Json& header) : log_(path), header_(header.dump()) {
  const auto require_ours = [&](bool ours) {
    require_usage(
        ours, path,
        ": holds the state of another calibration (model, text or options differ), or something else; "
        "delete it or choose another output");
  };
  log_.read([&](std::string_view text, const std::string& where) {
    if (!begun_) {
      require_ours(text == header_);
      begun_ = true;
      return;
    }
    const Json json = parse_json(text, where, Exit::bad_model);
    const JsonValue line(json, where, Exit::bad_model);
    line.only({"unit", "result"});
    units_[line.at("unit").text()] = line.at("result").json();
  });
  require_ours(begun_ || header_.starts_with(log_.cut_off()));
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

}  // namespace rouse
