#include "base/files.h"

#include <filesystem>
#include <fstream>
#include <iterator>

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

std::vector<std::string> resume_lines(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in.good()) return {};
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string> lines;
  size_t at = 0;
  for (size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  if (at < text.size()) std::filesystem::resize_file(path, at);
  return lines;
}

}  // namespace rouse
