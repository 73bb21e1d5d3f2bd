/// hub/choice.h - which of a repository's files a model is: names, quantisations, parts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rouse {

/// OWNER/REPO[:TAG]; the tag is a quantisation ("Q4_K_M") or one of the repository's files ("model.gguf").
struct ModelName {
  std::string repo;  ///< "OWNER/REPO"
  std::string tag;   ///< may be empty
  std::string text() const { return tag.empty() ? repo : repo + ":" + tag; }
};
/// Throws Error (usage) for what is no such name, or could leave a folder.
ModelName parse_model_name(const std::string& text);

/// Whether a repository's file may have this path under the cache: parts of letters, digits and ._+=@()-
/// that begin with no dot, 512 bytes at most. Whatever else a repository holds is not fetched.
bool safe_path(const std::string& path);

struct RepoFile {
  std::string path;  ///< within the repository
  std::optional<uint64_t> size;
  std::string sha256;  ///< in hexadecimal; empty: not known
};

/// A model of a repository: one GGUF file, or the parts of a split one.
struct RepoModel {
  std::string quant;            ///< upper case, as in its name: "Q4_K_M", "UD-Q4_K_XL", "BF16"; or empty
  std::vector<RepoFile> files;  ///< in the order of the parts
  int n_part = 1;               ///< more than files: some are not there
  bool whole() const { return static_cast<int>(files.size()) == n_part; }
  uint64_t size() const;  ///< as far as it is known
};

/// In the order of the files. Left out: what is no GGUF file, is not safe_path, or is not the model itself:
/// projectors (mmproj), importance matrices, drafts.
std::vector<RepoModel> models_of(std::span<const RepoFile> files);
/// The model that a tag means: the file of that path, else the first of that quantisation whatever its case,
/// else the first whose name holds the tag between dots, dashes and slashes. Without a tag: Q4_K_M, else
/// Q8_0, else the first. Null: none.
const RepoModel* choose_model(std::span<const RepoModel> models, const std::string& tag);
/// "Q4_K_M, Q8_0": what could stand as the tag.
std::string tags_text(std::span<const RepoModel> models);

}  // namespace rouse
