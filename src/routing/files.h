/// routing/files.h - where policies get the plans, traces and steering files that they name. Whoever parses a
/// policy says where: the command line opens paths; what a request names was read when rouse started
/// (session/names.h), so that no text from outside opens a file.
#pragma once

#include <memory>
#include <string>

#include "routing/plan.h"
#include "routing/steer.h"
#include "routing/trace.h"

namespace rouse {

class RoutingFiles {
 public:
  virtual ~RoutingFiles() = default;
  /// They throw Error: bad_file for what cannot be read, usage for a name that is not known.
  virtual std::shared_ptr<const Plan> plan(const std::string& name) const = 0;
  virtual std::shared_ptr<const Trace> trace(const std::string& name) const = 0;
  virtual std::shared_ptr<const SteerFile> steer(const std::string& name) const = 0;
};
/// A name is a path, which is opened and read.
const RoutingFiles& routing_files_by_path();

}  // namespace rouse
