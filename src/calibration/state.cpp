#include "calibration/state.h"

#include <filesystem>
#include <sstream>

#include "base/error.h"

namespace rouse {

using Json = nlohmann::json;

WorkState::WorkState(const std::string& path, const nlohmann::ordered_json& header) : path_(path) {
  std::string text;
  if (std::ifstream in(path, std::ios::binary); in.good()) {
    std::ostringstream all;
    all << in.rdbuf();
    text = all.str();
  }
  size_t at = 0;
  int number = 0;
  for (size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const Json line = Json::parse(text.substr(at, end - at), nullptr, false);
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
  if (at < text.size()) std::filesystem::resize_file(path, at);  // the line that was being written
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
