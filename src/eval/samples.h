/// eval/samples.h - finished items of one task under one method: a JSON line each, appended and flushed.
#pragma once

#include <string>
#include <unordered_map>

#include "base/lines.h"
#include "eval/cost.h"

namespace rouse {

/// A row in lm-evaluation-harness's layout: doc_id, doc, target, arguments, resps, filtered_resps and the
/// metrics, with rouse's id, group, item_hash and cost (eval/cost.h); of a program why it failed ("" when it
/// passed) and its seconds.
EvalJson sample_row(size_t doc_id, const Item& item, const Response& response, const Scores& scores,
                    const ItemCost& cost);
/// What the row of an item depends on, beside settings: its record and all that was made of it.
std::string item_hash(const Item& item);

/// The rows of a file by doc_id, as reports need them: without doc, arguments and answers. Only reads. Throws
/// Error (exit 2) naming line and field; metrics are finite.
std::vector<EvalJson> read_samples(const std::string& path);

class SampleLog {
 public:
  /// Reads the file, where there is one; it is written from the first add on. A last line that was cut off is
  /// dropped; a damaged one in the middle throws Error (exit 2). A row with `error` stands for an item that
  /// failed.
  explicit SampleLog(const std::string& path);
  /// Throws Error (exit 2) naming an item that is not what it was when its row was made.
  void check(const std::vector<Item>& items) const;
  /// Whether the item has a row, and did not fail.
  bool has(const std::string& id) const;
  size_t size() const { return rows_.size(); }
  /// In place of an earlier row of that item.
  void add(const EvalJson& row);
  /// Every row, by doc_id.
  const std::vector<EvalJson>& rows() const { return rows_; }
  /// Writes the rows in the order of doc_id, so that a run that was killed ends with the file of one that was
  /// not.
  void finish();

 private:
  size_t place(size_t doc_id) const;
  const EvalJson* find(const std::string& id) const;

  LineLog log_;
  std::vector<EvalJson> rows_;                      ///< by doc_id
  std::unordered_map<std::string, size_t> doc_id_;  ///< by id
};

}  // namespace rouse
