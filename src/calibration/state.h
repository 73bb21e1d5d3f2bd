/// calibration/state.h - finished units of work, one JSON line each, appended and flushed.
#pragma once

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace rouse {

class WorkState {
 public:
  /// Opens or creates the file. `header` identifies the run: another one in the file throws Error (exit 2)
  /// naming what differs, or with `restart` gives way. A last line that was cut off is dropped. Throws Error
  /// (exit 3) naming a damaged line.
  WorkState(const std::string& path, const nlohmann::ordered_json& header, bool restart = false);
  /// The result of a finished unit, or null.
  const nlohmann::json* find(const std::string& unit) const;
  void add(const std::string& unit, const nlohmann::json& result);
  /// Takes the file away. Nothing may be added afterwards.
  void remove();
  size_t size() const { return units_.size(); }

 private:
  std::string path_;
  std::map<std::string, nlohmann::json> units_;
  std::ofstream out_;
};

}  // namespace rouse
