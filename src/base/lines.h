/// base/lines.h - files of lines: read a bounded line at a time, and logs that grow by whole lines.
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rouse {

/// The lines of a file, without their ends (\n or \r\n) and without a byte order mark. `for (LineReader
/// in(path); in.next();) use(in.line(), in.where());` holds one line at a time.
class LineReader {
 public:
  static constexpr size_t kMostBytes = size_t{64} << 20;

  /// `what` names the file in "PATH: cannot open the WHAT". Throws Error with that exit code, also where a
  /// line is longer than n_byte.
  explicit LineReader(std::string path, std::string what = "file", ErrorKind kind = ErrorKind::usage,
                      size_t n_byte = kMostBytes);
  /// Of an open stream: a text that was unpacked, say. path names it in errors.
  LineReader(std::string path, std::unique_ptr<std::istream> in, ErrorKind kind);
  /// The next line, or false at the end.
  bool next();
  std::string_view line() const { return line_; }
  bool blank() const;
  int64_t number() const { return number_; }  ///< of the line, from 1
  std::string where() const;                  ///< "PATH:NUMBER"
  bool whole() const { return whole_; }       ///< a line end followed; only the last line can lack it
  uint64_t end() const { return end_; }       ///< bytes of the file up to and with this line's end

 private:
  bool fill();

  std::string path_, what_;
  ErrorKind kind_;
  size_t n_byte_;
  std::unique_ptr<std::istream> in_;
  std::string buffer_, line_;
  size_t at_ = 0;  ///< what of buffer_ is used up
  int64_t number_ = 0;
  bool whole_ = false;
  uint64_t end_ = 0;
};

/// A log that is appended and flushed a line at a time, so that a run that was killed can go on. Reading
/// changes nothing; a last line that was cut off is dropped from the file when writing begins.
class LineLog {
 public:
  explicit LineLog(std::string path) : path_(std::move(path)) {}
  /// Every whole line, none when there is no file. Call it before the first add.
  void read(const std::function<void(std::string_view line, const std::string& where)>& each);
  /// What a killed writer left of its last line; nobody else's text is to be taken for that.
  const std::string& cut_off() const { return cut_off_; }
  /// The next add begins a new file.
  void begin_anew();
  /// Opens it for writing, where add() has not done so: when everything is checked.
  void open();
  /// Throws Error when it cannot be written.
  void add(const std::string& line);
  const std::string& path() const { return path_; }

 private:
  std::string path_, cut_off_;
  uint64_t end_ = 0;  ///< bytes that stay
  bool cut_ = false;
  std::ofstream out_;
};

}  // namespace rouse
