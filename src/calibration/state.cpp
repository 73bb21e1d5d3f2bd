#include "calibration/state.h"

#include <filesystem>

#include "base/error.h"
#include "base/files.h"

namespace rouse {

using Json = nlohmann::json;

/// "tokens was 60, now it is 80": the first value that two headers do not share, options before what follows
/// from them; "" where they are the same.
static std::string difference(const Json& before, const Json& now) {
  for (const auto& [key, value] : now.items())
    if (const Json was = before.value(key, Json()); was.is_object() && value.is_object())
      if (const std::string text = difference(was, value); !text.empty()) return text;
  for (const auto& [key, value] : now.items())
    if (const Json was = before.value(key, Json()); was != value)
      return cat(key, " was ", was.dump(), ", now it is ", value.dump());
  return before == now ? "" : "it holds other settings";
}

WorkState::WorkState(const std::string& path, const nlohmann::ordered_json& header, bool restart)
    : path_(path) {
  int number = 0;
  for (const std::string& text : resume_lines(path)) {
    const Json line = Json::parse(text, nullptr, false);
    ++number;
    if (number == 1) {
      require_usage(line.is_object() && line.value("format", Json()) == Json(header.at("format")), path,
                    ": is no unfinished calibration; choose another -o");
      if (line == Json(header)) continue;
      require_usage(restart, path, ": holds the state of another calibration (", difference(line, header),
                    "); --force begins anew, or choose another -o");
      std::filesystem::resize_file(path, 0);
      number = 0;
      break;
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

void WorkState::remove() {
  out_.close();
  std::filesystem::remove(path_);
}

void WorkState::add(const std::string& unit, const Json& result) {
  out_ << Json{{"unit", unit}, {"result", result}}.dump() << '\n' << std::flush;
  require(out_.good(), path_, ": cannot write the state (disk full?)");
  units_[unit] = result;
}

}  // namespace rouse
