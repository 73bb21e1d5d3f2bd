#include "decoding/files.h"

#include "base/files.h"

namespace rouse {

const MethodFiles& method_files_by_path() {
  struct ByPath final : MethodFiles {
    std::shared_ptr<const Plan> plan(const std::string& path) const override {
      return routing_files_by_path().plan(path);
    }
    std::shared_ptr<const Trace> trace(const std::string& path) const override {
      return routing_files_by_path().trace(path);
    }
    std::shared_ptr<const SteerFile> steer(const std::string& path) const override {
      return routing_files_by_path().steer(path);
    }
    std::shared_ptr<const ItiFile> iti(const std::string& path) const override {
      return std::make_shared<ItiFile>(read_iti(path));
    }
    std::string iti_text(const std::string& path) const override { return file_text(path, "ITI file"); }
  };
  static const ByPath files;
  return files;
}

}  // namespace rouse
