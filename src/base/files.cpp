#include "base/files.h"

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace rouse {

void write_whole(const std::string& path, const std::string& text) {
  const std::string partial = path + ".partial";
  std::ofstream out(partial, std::ios::binary);
  out << text;
  out.close();
  require(out.good(), partial, ": cannot write (disk full?)");
  std::filesystem::rename(partial, path);
}

void require_no_input(const std::string& output, const std::vector<std::string>& inputs) {
  std::error_code error;
  for (const std::string& input : inputs)
    if (!output.empty() && !input.empty())
      require_usage(
          !std::filesystem::equivalent(output, input, error), output, ": is ",
          output == input ? std::string("read") : cat("the same file as ", input, ", which is read"),
          " here, writing it would lose it; choose another output");
}

}  // namespace rouse
