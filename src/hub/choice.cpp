#include "hub/choice.h"

#include <algorithm>
#include <regex>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

constexpr std::string_view kEnd = ".gguf";

bool is_model_file(const std::string& path) {
  const std::string name = upper(path.substr(path.rfind('/') + 1));
  if (!name.ends_with(".GGUF") || !path.ends_with(kEnd)) return false;
  for (const char* other : {"MMPROJ", "IMATRIX", "MTP-", "EAGLE3-", "DFLASH-", "DSPARK-"})
    if (name.find(other) != std::string::npos) return false;
  return true;
}

/// What a path says of its part: "x-00002-of-00005.gguf" is {"x", 2, 5}, "x.gguf" {"x", 1, 1}.
struct Part {
  std::string stem;
  int number = 1, n_part = 1;
};
Part part_of(const std::string& path) {
  static const std::regex pattern("-([0-9]{5})-of-([0-9]{5})$");
  Part part{path.substr(0, path.size() - kEnd.size())};
  std::smatch found;
  const std::string stem = part.stem;
  if (!std::regex_search(stem, found, pattern)) return part;
  const int number = std::stoi(found[1]), n_part = std::stoi(found[2]);
  if (number < 1 || number > n_part || n_part > 1000) return part;  // the bound that reading has
  return {found.prefix(), number, n_part};
}

/// The last quantisation that the path names, from its folders to its end.
std::string quant_of(const std::string& stem) {
  static const std::regex pattern(
      "(?:^|[-._/"
      "])((?:UD-)?(?:I?Q[0-9]+(?:_[A-Z0-9]+)*|TQ[0-9]_[0-9]|BF16|FP?16|FP?32|(?:MX|NV)FP4(?:_MOE)?))"
      "(?=[-./]|$)",
      std::regex::icase);
  std::string quant;
  for (std::sregex_iterator found(stem.begin(), stem.end(), pattern), end; found != end; ++found)
    quant = (*found)[1];
  return upper(quant);
}

/// Whether `tag` stands in the path as a word or several.
bool names(const std::string& path, const std::string& tag) {
  const std::string text = upper(path), wanted = upper(tag);
  const auto edge = [&](size_t at) {
    return std::string_view("-._/").find(text[at]) != std::string_view::npos;
  };
  for (size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
    const size_t end = at + wanted.size();
    if ((at == 0 || edge(at - 1)) && (end == text.size() || (edge(end) && text[end] != '_'))) return true;
  }
  return false;
}

}  // namespace

bool safe_path(const std::string& path) {
  constexpr size_t kMostPath = 512, kMostPart = 200;  // a file system takes 255; .partial.json is added
  if (path.empty() || path.size() > kMostPath) return false;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part.size() > kMostPart || part[0] == '.') return false;
    for (const char c : part)
      if (!(c > 0 && std::isalnum(static_cast<unsigned char>(c))) &&
          std::string_view("._+=@()-").find(c) == std::string_view::npos)
        return false;
  }
  return true;
}

ModelName parse_model_name(const std::string& text) {
  const size_t colon = text.find(':');
  ModelName name{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
  const bool ok = safe_path(name.repo) && std::count(name.repo.begin(), name.repo.end(), '/') == 1 &&
                  (colon == std::string::npos || safe_path(name.tag));
  require_usage(ok, "\"", text, "\" is no model of a hub, expected OWNER/REPO or OWNER/REPO:QUANT");
  return name;
}

uint64_t RepoModel::size() const {
  uint64_t sum = 0;
  for (const RepoFile& file : files) sum += file.size.value_or(0);
  return sum;
}

std::vector<RepoModel> models_of(std::span<const RepoFile> files) {
  struct Split {
    std::string stem;
    int n_part;
    size_t model;
  };
  std::vector<Split> splits;
  std::vector<RepoModel> out;
  for (const RepoFile& file : files) {
    if (!safe_path(file.path) || !is_model_file(file.path)) continue;
    const Part part = part_of(file.path);
    const auto known = std::find_if(splits.begin(), splits.end(), [&](const Split& s) {
      return s.stem == part.stem && s.n_part == part.n_part;
    });
    if (part.n_part > 1 && known != splits.end()) {
      out[known->model].files.push_back(file);
      continue;
    }
    if (part.n_part > 1) splits.push_back({part.stem, part.n_part, out.size()});
    out.push_back({quant_of(part.stem), {file}, part.n_part});
  }
  for (RepoModel& model : out) {
    std::sort(model.files.begin(), model.files.end(),
              [](const RepoFile& a, const RepoFile& b) { return a.path < b.path; });
    const auto end = std::unique(model.files.begin(), model.files.end(),
                                 [](const RepoFile& a, const RepoFile& b) { return a.path == b.path; });
    model.files.erase(end, model.files.end());
  }
  return out;
}

const RepoModel* choose_model(std::span<const RepoModel> models, const std::string& tag) {
  const auto first = [&](auto fits) -> const RepoModel* {
    const auto found = std::find_if(models.begin(), models.end(), fits);
    return found == models.end() ? nullptr : &*found;
  };
  if (tag.empty()) {
    for (const char* usual : {"Q4_K_M", "Q8_0"})
      if (const RepoModel* m = first([&](const RepoModel& x) { return x.quant == usual; })) return m;
    return models.empty() ? nullptr : &models[0];
  }
  if (const RepoModel* m = first([&](const RepoModel& x) {
        return std::any_of(x.files.begin(), x.files.end(), [&](const RepoFile& f) { return f.path == tag; });
      }))
    return m;
  if (tag.ends_with(kEnd)) return nullptr;
  if (const RepoModel* m = first([&](const RepoModel& x) { return x.quant == upper(tag); })) return m;
  return first([&](const RepoModel& x) { return names(part_of(x.files[0].path).stem, tag); });
}

std::string tags_text(std::span<const RepoModel> models) {
  std::vector<std::string> tags;
  for (const RepoModel& model : models) {
    const std::string tag = model.quant.empty() ? model.files[0].path : model.quant;
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  constexpr size_t kShown = 40;
  const size_t n = tags.size();
  if (n > kShown) tags.resize(kShown), tags.push_back(cat("and ", n - kShown, " more"));
  return join(tags, ", ");
}

}  // namespace rouse
