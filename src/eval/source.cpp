#include "eval/source.h"

#include <csv.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <unordered_set>

#include "base/json.h"
#include "base/text.h"

namespace rouse {

namespace fs = std::filesystem;

/// More than any of the sets; a small file may unpack to anything.
static constexpr size_t kMostBytes = size_t{1} << 30, kAlways = size_t{16} << 20, kMostRatio = 100;
static constexpr size_t kMostRecords = 1'000'000, kMostCells = 2'000'000, kMostColumns = 256;

Source::Source(std::string path) : path_(std::move(path)) {
  require_usage(fs::exists(path_), path_, ": is not there");
}

Source Source::beside(const std::string& name) const {
  return Source((fs::path(path_).parent_path() / name).string());
}

std::vector<Source> Source::files(const std::string& end) const {
  require_usage(fs::is_directory(path_), path_, ": is not a folder");
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(path_))
    if (entry.is_regular_file() && entry.path().string().ends_with(end))
      paths.push_back(entry.path().string());
  require_usage(!paths.empty(), path_, ": holds no file *", end);
  std::sort(paths.begin(), paths.end());
  return {paths.begin(), paths.end()};
}

std::string Source::text() const {
  require_usage(fs::is_regular_file(path_), path_, ": is not a file");
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path_.c_str(), "rb"), gzclose);
  require_usage(file != nullptr, path_, ": cannot open");
  const size_t most = std::min(kMostBytes, std::max(kAlways, kMostRatio * fs::file_size(path_)));
  std::string out;
  std::vector<char> piece(1 << 20);
  int n;
  while ((n = gzread(file.get(), piece.data(), static_cast<unsigned>(piece.size()))) > 0) {
    out.append(piece.data(), static_cast<size_t>(n));
    require_usage(out.size() <= most, path_, ": unpacks to more than ", most, " bytes");
  }
  int error = Z_OK;
  const char* why = gzerror(file.get(), &error);
  require_usage(n == 0 && (error == Z_OK || error == Z_STREAM_END), path_, ": ", why);
  if (out.rfind("\xEF\xBB\xBF", 0) == 0) out.erase(0, 3);  // byte order mark
  return out;
}

EvalJson Source::json() const {
  return parse_json(text(), path_, ErrorKind::usage, {.n_byte = kMostBytes});
}

EvalJson Source::records() const {
  const std::string all = text();
  if (trim(all).starts_with('[')) {
    EvalJson list = parse_json(all, path_, ErrorKind::usage, {.n_byte = kMostBytes});
    require_usage(list.is_array(), path_, ": is not a list");
    return list;
  }
  EvalJson out = EvalJson::array();
  size_t number = 0;
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find('\n', at), all.size());
    const std::string_view line = trim(std::string_view(all).substr(at, end - at));
    at = end + 1;
    ++number;
    if (!line.empty()) out.push_back(parse_json(line, cat(path_, ":", number)));
    require_usage(out.size() <= kMostRecords, path_, ": has more than ", kMostRecords, " records");
  }
  return out;
}

/// What libcsv hands over, within bounds.
struct CsvRows {
  std::vector<std::vector<std::string>> rows = {{}};
  size_t n_cell = 0;
  bool too_many = false;
  void add(const char* data, size_t size) {
    too_many = too_many || ++n_cell > kMostCells || rows.back().size() == kMostColumns;
    if (!too_many) rows.back().emplace_back(data, size);
  }
};

std::vector<std::vector<std::string>> Source::csv() const {
  const std::string all = text();
  CsvRows out;
  csv_parser parser;
  require(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) == 0, "no memory for reading CSV");
  const std::unique_ptr<csv_parser, void (*)(csv_parser*)> guard(&parser, csv_free);
  // Blanks belong to the text: prefixes end in one.
  csv_set_space_func(&parser, [](unsigned char) { return 0; });
  const auto cell = [](void* data, size_t size, void* to) {
    static_cast<CsvRows*>(to)->add(static_cast<const char*>(data), size);
  };
  const auto row = [](int, void* to) { static_cast<CsvRows*>(to)->rows.emplace_back(); };
  bool whole = csv_parse(&parser, all.data(), all.size(), cell, row, &out) == all.size();
  if (whole) whole = csv_fini(&parser, cell, row, &out) == 0;
  require_usage(whole, path_, ": record ", out.rows.size(), ": ", csv_strerror(csv_error(&parser)));
  require_usage(!out.too_many, path_, ": has more than ", kMostColumns, " columns or ", kMostCells, " cells");
  out.rows.pop_back();
  return std::move(out.rows);
}

EvalJson Source::csv_records() const {
  const auto rows = csv();
  require_usage(!rows.empty(), path_, ": is empty");
  std::unordered_set<std::string> names;
  for (const std::string& name : rows[0])
    require_usage(names.insert(name).second, path_, ": column ", json_text(name), " occurs twice");
  EvalJson out = EvalJson::array();
  for (size_t r = 1; r < rows.size(); ++r) {
    require_usage(rows[r].size() == rows[0].size(), path_, ": record ", r, " has ", rows[r].size(),
                  " columns, the header has ", rows[0].size());
    out.push_back(EvalJson::object());
    for (size_t c = 0; c < rows[r].size(); ++c) out.back()[rows[0][c]] = rows[r][c];
  }
  return out;
}

std::vector<EvalJson> Source::convert(const EvalJson& records, const Convert& convert) const {
  require_usage(records.is_array(), path_, ": the records are not a list");
  std::vector<EvalJson> out;
  size_t index = 0;
  for (const EvalJson& record : records) {
    try {
      EvalJson converted = convert(JsonValue(record, ""), index++);
      if (!converted.is_null()) out.push_back(std::move(converted));
    } catch (const Error& e) {
      throw Error(cat(path_, ": record ", index, ": ", e.what()), ErrorKind::usage);
    }
  }
  return out;
}

}  // namespace rouse
