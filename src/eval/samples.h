/// eval/samples.h - finished items of one task under one method: a JSON line each, appended and flushed.
#pragma once

#include <fstream>
#include <map>
#include <string>

#include "eval/task.h"

namespace rouse {

/// A row in lm-evaluation-harness's layout: doc_id, doc, target, arguments, resps, filtered_resps and the
/// metrics, with rouse's id and group; of a program why it failed ("" when it passed) and its seconds.
EvalJson sample_row(size_t doc_id, const Item& item, const Response& response, const Scores& scores);

class SampleLog {
 public:
  /// Opens or creates the file. A last line that was cut off is dropped; a damaged one in the middle throws
  /// Error.
  explicit SampleLog(const std::string& path);
  bool has(const std::string& id) const { return rows_.count(id) > 0; }
  size_t size() const { return rows_.size(); }
  void add(const EvalJson& row);
  /// Every row, by doc_id.
  std::vector<EvalJson> rows() const;
  /// Writes the rows in the order of doc_id, so that a run that was killed ends with the file of one that was
  /// not.
  void finish();

 private:
  std::string path_;
  std::map<std::string, EvalJson> rows_;  ///< by id
  std::ofstream out_;
};

}  // namespace rouse
