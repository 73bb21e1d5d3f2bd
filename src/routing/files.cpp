#include "routing/files.h"

namespace rouse {

const RoutingFiles& routing_files_by_path() {
  struct ByPath final : RoutingFiles {
    std::shared_ptr<const Plan> plan(const std::string& path) const override {
      return std::make_shared<Plan>(read_plan(path));
    }
    std::shared_ptr<const Trace> trace(const std::string& path) const override {
      return std::make_shared<Trace>(read_trace(path));
    }
    std::shared_ptr<const SteerFile> steer(const std::string& path) const override {
      return std::make_shared<SteerFile>(read_steer(path));
    }
  };
  static const ByPath files;
  return files;
}

}  // namespace rouse
