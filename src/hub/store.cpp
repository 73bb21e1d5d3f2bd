#include "hub/store.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/text.h"

namespace rouse {

namespace fs = std::filesystem;

static constexpr std::string_view kPartial = ".partial";

Json record_json(const FileRecord& r) {
  return {{"repo", r.repo}, {"revision", r.revision}, {"file", r.file},
          {"size", r.size}, {"sha256", r.sha256},     {"etag", r.etag}};
}

std::optional<FileRecord> read_record(const std::string& path) {
  try {
    const Json json = read_json(path, ErrorKind::usage, {.n_byte = 1 << 16});
    const JsonValue v(json, path);
    return FileRecord{v.at("repo").text(),    v.at("revision").text(), v.at("file").text(),
                      v.at("size").natural(), v.at("sha256").text(),   v.at("etag").text()};
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string ModelStore::path(const std::string& repo, const std::string& file) const {
  for (const std::string& part : {repo, file})
    require_usage(safe_path(part), "\"", printable(part),
                  "\" cannot be a path in the cache, expected letters, digits, ._+=@()- and /");
  return cat(root_, '/', repo, '/', file);
}

namespace {

struct OnDisk {
  uint64_t n_byte = 0, n_unfinished = 0;
  bool whole = false;
  std::time_t time = 0;
};

/// A repository's files by their path in it.
std::map<std::string, OnDisk> files_of(const fs::path& folder) {
  std::map<std::string, OnDisk> out;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && at != end; at.increment(error)) {
    std::string name = at->path().lexically_relative(folder).generic_string();
    const bool partial = name.ends_with(kPartial);
    if (partial) name.resize(name.size() - kPartial.size());
    struct stat status {};
    if (!name.ends_with(".gguf") || stat(at->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode))
      continue;
    OnDisk& file = out[name];
    (partial ? file.n_unfinished : file.n_byte) = static_cast<uint64_t>(status.st_size);
    file.whole |= !partial;
    file.time = std::max(file.time, status.st_mtime);
  }
  return out;
}

std::vector<std::string> folders_of(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (std::error_code ignored; at->is_directory(ignored)) out.push_back(at->path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

void add_models(const std::string& repo, const fs::path& folder, std::vector<StoredModel>& out) {
  const auto on_disk = files_of(folder);
  std::vector<RepoFile> files;
  for (const auto& [path, file] : on_disk)
    files.push_back({path, file.whole ? file.n_byte : file.n_unfinished, ""});
  const auto models = models_of(files);
  for (const RepoModel& model : models) {
    StoredModel stored{repo, model, "", model.whole(), 0, 0};
    const bool by_quant = !model.quant.empty() && choose_model(models, model.quant) == &model;
    stored.name = ModelName{repo, by_quant ? model.quant : model.files[0].path}.text();
    for (const RepoFile& file : model.files) {
      const OnDisk& d = on_disk.at(file.path);
      stored.whole = stored.whole && d.whole;
      stored.n_byte += d.n_byte + d.n_unfinished;
      stored.time = std::max(stored.time, d.time);
    }
    out.push_back(std::move(stored));
  }
}

}  // namespace

std::vector<StoredModel> ModelStore::models() const {
  std::vector<StoredModel> out;
  for (const std::string& owner : folders_of(root_))
    for (const std::string& repo : folders_of(fs::path(root_) / owner))
      if (const std::string name = owner + "/" + repo; safe_path(name))
        add_models(name, fs::path(root_) / name, out);
  return out;
}

std::optional<StoredModel> ModelStore::find(const ModelName& name) const {
  std::vector<StoredModel> stored;
  add_models(name.repo, fs::path(root_) / name.repo, stored);
  std::erase_if(stored, [](const StoredModel& m) { return !m.whole; });
  std::vector<RepoModel> models;
  for (const StoredModel& m : stored) models.push_back(m.model);
  const RepoModel* chosen = choose_model(models, name.tag);
  if (!chosen) return std::nullopt;
  return stored[static_cast<size_t>(chosen - models.data())];
}

uint64_t ModelStore::remove(const StoredModel& model) const {
  uint64_t freed = 0;
  std::error_code ignored;
  for (const RepoFile& part : model.model.files) {
    const std::string file = path(model.repo, part.path);
    const Lock lock(file, "wait for it");
    for (const char* end : {"", ".partial", ".json", ".partial.json"}) {
      const uint64_t n_byte = fs::file_size(file + end, ignored);
      std::error_code error;
      if (!fs::remove(file + end, error)) {
        require(!error, file, end, ": cannot be removed (", error.message(), ")");
        continue;
      }
      freed += n_byte;
    }
  }
  for (const RepoFile& part : model.model.files)
    for (fs::path folder = fs::path(path(model.repo, part.path)).parent_path(); folder != fs::path(root_);
         folder = folder.parent_path())
      if (!fs::remove(folder, ignored)) break;  // not empty
  return freed;
}

std::string models_folder() {
  if (const char* own = std::getenv("ROUSE_CACHE"); own && *own)
    return fs::absolute(own).string() + "/models";
  const std::string cache = user_folder("XDG_CACHE_HOME", ".cache");
  require_usage(!cache.empty(), "no folder for models: set ROUSE_CACHE, XDG_CACHE_HOME or HOME");
  return cache + "/rouse/models";
}

}  // namespace rouse
