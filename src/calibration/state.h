/// calibration/state.h - finished units of work, one JSON line each, appended and flushed.
#pragma once

#include <map>
#include <string>

#include "base/json.h"
#include "base/lines.h"

namespace rouse {

class WorkState {
 public:
  /// Reads the file, where there is one; it is written from the first unit on. `header` identifies the run:
  /// another one in the file throws Error (exit 2) naming what differs, or with `restart` gives way; anything
  /// else in the file throws Error (exit 2) and stays as it is. A last line that was cut off is dropped.
  /// Throws Error (exit 3) naming a damaged line.
  WorkState(const std::string& path, const Json& header, bool restart = false);
  /// The result of a finished unit, or null.
  const Json* find(const std::string& unit) const;
  void add(const std::string& unit, const Json& result);
  /// Takes the file away, where units were added or found. Nothing may be added afterwards.
  void remove();
  size_t size() const { return units_.size(); }

 private:
  LineLog log_;
  std::string header_;
  bool begun_ = false;  ///< the header is in the file
  std::map<std::string, Json> units_;
};

}  // namespace rouse
