#include "decoding/files.h"

#include <fstream>
#include <iterator>

#include "base/error.h"

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
    std::string iti_text(const std::string& path) const override {
      std::ifstream in(path, std::ios::binary);
      require_usage(in.good(), path, ": cannot open the ITI file");
      return {std::istreambuf_iterator<char>(in), {}};
    }
  };
  static const ByPath files;
  return files;
}

}  // namespace rouse
