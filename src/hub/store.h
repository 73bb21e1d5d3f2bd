/// hub/store.h - the models that were fetched: ROOT/OWNER/REPO/FILE.gguf, and beside each FILE.gguf.json,
/// which says what it is. What is being fetched is FILE.gguf.partial with FILE.gguf.partial.json.
#pragma once

#include <ctime>
#include <optional>

#include "base/json.h"
#include "hub/choice.h"

namespace rouse {

/// What the JSON beside a file says.
struct FileRecord {
  std::string repo, revision, file;
  uint64_t size = 0;
  std::string sha256;  ///< of a whole file: what was computed; of a partial one: what is expected, or empty
  std::string etag;    ///< as the hub gave it, without quotes; may be empty
};
Json record_json(const FileRecord& record);
/// Nothing where there is none that could be read: a record can be made again.
std::optional<FileRecord> read_record(const std::string& path);

struct StoredModel {
  std::string repo;
  RepoModel model;  ///< its files with their sizes on disk; unfinished ones too
  std::string
      name;  ///< as pull, -hf and rm take it: OWNER/REPO:QUANT, or OWNER/REPO:FILE where that is no name
  bool whole = false;    ///< every part, to its end
  uint64_t n_byte = 0;   ///< on disk, with what is unfinished
  std::time_t time = 0;  ///< when its last file was written
};

class ModelStore {
 public:
  /// The folder need not be there yet.
  explicit ModelStore(std::string root) : root_(std::move(root)) {}
  const std::string& root() const { return root_; }
  /// Of a file of a repository, both safe_path; it need not be there. Throws Error (usage) for others.
  std::string path(const std::string& repo, const std::string& file) const;
  /// By repository, then file.
  std::vector<StoredModel> models() const;
  /// The whole model that choose_model takes of what is here of the repository, or nothing.
  std::optional<StoredModel> find(const ModelName& name) const;
  /// Files, records and unfinished files, and folders that are empty then. Returns the bytes that they had.
  /// Throws Error where another rouse is fetching one of them.
  uint64_t remove(const StoredModel& model) const;

 private:
  std::string root_;
};

/// $ROUSE_CACHE/models, else $XDG_CACHE_HOME/rouse/models, else ~/.cache/rouse/models. Throws Error where
/// none of them is set.
std::string models_folder();

}  // namespace rouse
