#include "base/output_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"

namespace rouse {

namespace fs = std::filesystem;

OutputFile::OutputFile(const std::string& path, bool replace, std::span<const std::string> inputs)
    : path_(link_target(path)), in_place_(written_in_place(path)) {
  require_usage(!path.empty(), "the output: expected a file to write");
  if (in_place_) return;
  require_usage(!fs::is_directory(path_), path, ": is a folder, expected a file to write");
  const fs::path folder = fs::path(path_).parent_path();
  require_usage(folder.empty() || fs::is_directory(folder), path, ": there is no folder ", folder.string());
  std::error_code ignored;
  for (const std::string& input : inputs)
    require_usage(!fs::equivalent(path_, input, ignored), path,
                  ": is read by this command, so it cannot be its output");
  if (!replace && fs::exists(fs::symlink_status(path_)))
    throw Error(cat(path, ": is there already"), ErrorKind::usage, "force");
  lock_.emplace(path_);
}

OutputFile::~OutputFile() {
  if (written_.empty() || in_place_) return;
  out_.close();
  std::error_code ignored;
  fs::remove(written_, ignored);
}

const std::string& OutputFile::file() const {
  require_usage(!in_place_, path_, ": is not a file that could be written whole; choose another -o");
  return path_;
}

std::ostream& OutputFile::stream() {
  if (!written_.empty()) return out_;
  written_ = in_place_ ? path_ : path_ + ".partial";
  errno = 0;
  out_.open(written_, std::ios::binary);
  require(out_.good(), written_, ": cannot write (", std::strerror(errno), ")");
  return out_;
}

void OutputFile::commit() {
  errno = 0;
  stream().flush();
  out_.close();
  require(out_.good(), written_, ": cannot write (", errno ? std::strerror(errno) : "disk full?", ")");
  if (!in_place_) put_in_place(written_, path_);
  written_.clear();
}

}  // namespace rouse
