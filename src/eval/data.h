/// eval/data.h - the benchmarks' files: which are at hand, and how a user's copy of the rest is taken over.
#pragma once

#include "base/json.h"
#include "eval/task.h"

namespace rouse {

/// The sets that lie beside a model which comes with rouse; "" of any other model.
std::string own_sets(const std::string& model);
/// Folders that may hold benchmarks' files: the given one, the model's own sets, the default model's.
std::vector<std::string> data_folders(const std::string& given, const std::string& model = "");
/// Its file is part of rouse; nobody needs to get it.
bool comes_with_rouse(const TaskEntry& task);
/// What is known of a benchmark's file: {"task", "file", "source", "state", "records", "sha256", "path",
/// "shots"}; the last four where they apply.
Json data_state(const TaskEntry& task, const std::string& folder);

struct ImportOptions {
  std::string task;
  std::string from;    ///< the official file or folder
  std::string folder;  ///< to write to
  bool replace = false;
};
/// A file that was written, and how many records or examples it holds.
struct Imported {
  std::string path, sha256;
  int64_t n_record = 0;
};
/// The official distribution in the form that rouse reads, each record checked as the task will read it, and
/// the few-shot file, where the distribution holds that and none is there; of a prompt (text or Markdown) the
/// few-shot file alone.
/// Throws Error (usage) before anything is written.
std::vector<Imported> import_data(const ImportOptions& options);

}  // namespace rouse
