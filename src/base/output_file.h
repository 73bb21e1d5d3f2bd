/// base/output_file.h - a finished product of a command: looked at before the work begins, written whole
/// after it.
#pragma once

#include <fstream>
#include <optional>
#include <span>
#include <string>

#include "base/lock.h"

namespace rouse {

class OutputFile {
 public:
  /// Throws Error (exit 2) when the file is there and `replace` is not set, when it is one of the command's
  /// own `inputs`, when it could not be written, or while another process makes it.
  OutputFile(const std::string& path, bool replace, std::span<const std::string> inputs = {});
  /// Nothing but the whole file stays.
  ~OutputFile();

  /// The file, for writers that take a name and write whole. Throws Error (exit 2) for a device or a pipe.
  const std::string& file() const;
  /// What is written here takes its place with commit().
  std::ostream& stream();
  /// Throws Error when it could not be written.
  void commit();

 private:
  std::string path_;
  bool in_place_;
  std::optional<Lock> lock_;
  std::string written_;  ///< the file that stream() writes
  std::ofstream out_;
};

}  // namespace rouse
