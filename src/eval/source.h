/// eval/source.h - the official distribution of a data set, as a user has it: text, JSON, JSON Lines or CSV,
/// plain or gzipped, or a folder of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "eval/task.h"

namespace rouse {

class Source {
 public:
  /// Throws Error (exit 2) when nothing is there.
  explicit Source(std::string path);
  const std::string& path() const { return path_; }
  /// Another file of its folder. Throws Error (exit 2) when it is not there.
  Source beside(const std::string& name) const;
  /// A folder's files that end so, by name.
  std::vector<Source> files(const std::string& end) const;

  /// The file, unpacked: at most 1 GiB, and at most 100 times what is packed where that is more than 16 MiB
  /// (texts pack to a fourth, zeros to a thousandth). Throws Error (exit 2).
  std::string text() const;
  /// One JSON value.
  EvalJson json() const;
  /// A JSON list, or JSON Lines. Throws Error naming the line.
  EvalJson records() const;
  /// Rows of cells.
  std::vector<std::vector<std::string>> csv() const;
  /// The same as objects, by the names of the first row.
  EvalJson csv_records() const;

  /// Every record turned into the documented form; null leaves it out. Its errors get the file and the
  /// record's number.
  using Convert = std::function<EvalJson(const JsonValue& record, size_t index)>;
  std::vector<EvalJson> convert(const EvalJson& records, const Convert& convert) const;

 private:
  std::string path_;
};

}  // namespace rouse
