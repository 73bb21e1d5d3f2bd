#include "base/lines.h"

#include <algorithm>
#include <filesystem>

namespace rouse {

LineReader::LineReader(std::string path, std::string what, ErrorKind kind, size_t n_byte)
    : path_(std::move(path)), what_(std::move(what)), kind_(kind), n_byte_(n_byte) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(path_, ignored);
  if (!folder) in_ = std::make_unique<std::ifstream>(path_, std::ios::binary);
  if (folder || !in_->good()) throw Error(cat(path_, ": cannot open the ", what_), kind_);
}

LineReader::LineReader(std::string path, std::unique_ptr<std::istream> in, ErrorKind kind)
    : path_(std::move(path)), what_("file"), kind_(kind), n_byte_(kMostBytes), in_(std::move(in)) {}

bool LineReader::fill() {
  constexpr size_t kPiece = 1 << 16;
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t before = buffer_.size();
  buffer_.resize(before + kPiece);
  in_->read(buffer_.data() + before, kPiece);
  buffer_.resize(before + static_cast<size_t>(in_->gcount()));
  if (in_->bad()) throw Error(cat(path_, ": cannot read the ", what_), kind_);
  return buffer_.size() > before;
}

bool LineReader::next() {
  line_.clear();
  ++number_;
  for (whole_ = false; !whole_;) {
    if (at_ == buffer_.size() && !fill()) break;
    const size_t newline = buffer_.find('\n', at_);
    whole_ = newline != std::string::npos;
    const size_t n = (whole_ ? newline : buffer_.size()) - at_;
    if (line_.size() + n > n_byte_)
      throw Error(cat(where(), ": is a line of more than ", n_byte_, " bytes"), kind_);
    line_.append(buffer_, at_, n);
    at_ += n + whole_;
  }
  if (!whole_ && line_.empty()) return false;
  end_ += line_.size() + whole_;
  if (line_.ends_with('\r')) line_.pop_back();
  if (number_ == 1 && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
  return true;
}

bool LineReader::blank() const {
  return line_.find_first_not_of(" \t\r") == std::string::npos;
}

std::string LineReader::where() const {
  return cat(path_, ":", number_);
}

void LineLog::read(const std::function<void(std::string_view line, const std::string& where)>& each) {
  if (!std::filesystem::is_regular_file(path_)) return;  // a pipe holds nothing to go on with
  for (LineReader in(path_, "log"); in.next();) {
    if (!in.whole()) {
      cut_off_ = in.line();
      cut_ = true;
      return;
    }
    each(in.line(), in.where());
    end_ = in.end();
  }
}

void LineLog::begin_anew() {
  end_ = 0;
  cut_ = std::filesystem::is_regular_file(path_);
}

void LineLog::open() {
  if (out_.is_open()) return;
  std::error_code error;
  if (cut_) std::filesystem::resize_file(path_, end_, error);
  require(!error, path_, ": cannot drop what was cut off: ", error.message());
  out_.open(path_, std::ios::app | std::ios::binary);
  require(out_.good(), path_, ": cannot write");
}

void LineLog::add(const std::string& line) {
  open();
  out_ << line << '\n' << std::flush;
  require(out_.good(), path_, ": cannot write (disk full?)");
}

}  // namespace rouse
