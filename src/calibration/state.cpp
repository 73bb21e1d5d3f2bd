#include "calibration/state.h"

#include "base/error.h"
#include "base/files.h"

namespace rouse {

using Json = nlohmann::json;

WorkState::WorkState(const std::string& path, const nlohmann::ordered_json& header) : path_(path) {
  int number = 0;
  for (const std::string& text : resume_lines(path)) {
    const Json line = Json::parse(text, nullptr, false);
    ++number;
    if (number == 1) {
      require_usage(line == Json(header), path,
                    ": holds the state of another calibration (model, text or options differ); "
                    "delete it or choose another output");
      continue;
    }
    require_model(
        line.is_object() && line.contains("unit") && line["unit"].is_string() && line.contains("result"),
        path, ":", number, ": is no finished unit");
    units_[line["unit"].get<std::string>()] = line["result"];
  }
  out_.open(path, std::ios::binary | std::ios::app);
  require(out_.good(), path, ": cannot write the state");
  if (number == 0) out_ << header.dump() << '\n' << std::flush;
}

const Json* WorkState::find(const std::string& unit) const {
  const auto found = units_.find(unit);
  return found == units_.end() ? nullptr : &found->second;
}

void WorkState::add(const std::string& unit, const Json& result) {
  out_ << Json{{"unit", unit}, {"result", result}}.dump() << '\n' << std::flush;
  require(out_.good(), path_, ": cannot write the state (disk full?)");
  units_[unit] = result;
}

}  // namespace rouse
