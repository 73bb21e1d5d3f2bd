#include "base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace rouse {

namespace fs = std::filesystem;

std::string stream_text(std::istream& in, const std::string& name) {
  std::string text;
  errno = 0;
  for (std::array<char, 1 << 16> piece; in.read(piece.data(), piece.size()), in.gcount() > 0;)
    text.append(piece.data(), static_cast<size_t>(in.gcount()));
  require_usage(!in.bad(), name, ": cannot read (", std::strerror(errno), ")");
  return text;
}

std::string file_text(const std::string& path, const char* what) {
  std::ifstream in(path, std::ios::binary);
  require_usage(in.good(), path, ": cannot open the ", what);
  return stream_text(in, path);
}

std::string user_folder(const char* variable, const char* below_home) {
  const char *own = std::getenv(variable), *home = std::getenv("HOME");
  if (own && *own == '/') return own;
  return home && *home == '/' ? std::string(home) + "/" + below_home : "";
}

bool written_in_place(const std::string& path) {
  if (path.starts_with("/dev/") || path.starts_with("/proc/")) return true;  // where -o /dev/stdout is a file
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

std::string link_target(const std::string& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path target = fs::canonical(path, error);
  return error ? path : target.string();
}

void put_in_place(const std::string& partial, const std::string& path) {
  const int file = open(partial.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && (fsync(file) == 0 || errno == EINVAL);  // EINVAL: nothing to bring there
  const int error = errno;
  if (file >= 0) close(file);
  require(synced, partial, ": cannot write (", std::strerror(error), ")");
  std::error_code failed;
  fs::rename(partial, path, failed);
  require(!failed, path, ": cannot write (", failed.message(), ")");
}

void write_whole(const std::string& path, const std::string& text) {
  const bool in_place = written_in_place(path);
  const std::string target = link_target(path), written = in_place ? path : target + ".partial";
  errno = 0;
  std::ofstream out(written, std::ios::binary);
  out << text;
  out.close();
  require(out.good(), written, ": cannot write (", errno ? std::strerror(errno) : "disk full?", ")");
  if (!in_place) put_in_place(written, target);
}

}  // namespace rouse
