#include "decoding/iti.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace rouse {

using Json = nlohmann::ordered_json;

static constexpr uintmax_t kMaxBytes = 1u << 30;

ItiFile read_iti(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  require_model(!error, path, ": cannot open");
  require_model(size <= kMaxBytes, path, ": is ", size, " bytes, expected at most ", kMaxBytes);
  std::ifstream in(path, std::ios::binary);
  const Json json = Json::parse(in, nullptr, false);
  require_model(json.is_object() && json.value("format", "") == "rouse-iti", path,
                ": is no file of `rouse iti fit`");
  require_model(json.contains("version") && json["version"] == 1, path, ": version ",
                json.contains("version") ? json["version"].dump() : "missing", ", expected 1");
  ItiFile file;
  file.path = path;
  const auto integer = [&](const Json& from, const char* key, int low, int high) {
    require_model(from.contains(key) && from[key].is_number_integer() && from[key].get<int64_t>() >= low &&
                      from[key].get<int64_t>() <= high,
                  path, ": field ", key, " is ", from.contains(key) ? from[key].dump() : "missing",
                  ", expected ", low, " to ", high);
    return from[key].get<int>();
  };
  const auto finite = [&](const Json& value, const char* what) {
    require_model(value.is_number() && std::isfinite(value.get<double>()), path, ": ", what, " holds ",
                  value.dump(), ", expected a finite number");
    return value.get<double>();
  };
  require_model(json.contains("model") && json["model"].is_object(), path, ": field model is missing");
  const Json& model = json["model"];
  require_model(model.contains("arch") && model["arch"].is_string(), path, ": field arch is missing");
  file.arch = model["arch"];
  file.n_layer = integer(model, "n_layer", 1, 10000);
  file.n_head = integer(model, "n_head", 1, 100000);
  file.width = integer(model, "head_width", 1, 1 << 20);
  file.options = json.value("options", Json::object());
  file.report = json.value("report", Json::object());
  require_model(json.contains("heads") && json["heads"].is_array(), path, ": field heads is missing");
  for (const Json& h : json["heads"]) {
    require_model(h.is_object() && h.contains("direction") && h["direction"].is_array() &&
                      h["direction"].size() == static_cast<size_t>(file.width),
                  path, ": a head has no direction of ", file.width, " numbers");
    ItiHead head;
    head.layer = integer(h, "layer", 0, file.n_layer - 1);
    head.head = integer(h, "head", 0, file.n_head - 1);
    head.accuracy = finite(h.value("accuracy", Json()), "accuracy");
    head.sigma = finite(h.value("sigma", Json()), "sigma");
    for (const Json& x : h["direction"]) head.direction.push_back(static_cast<float>(finite(x, "direction")));
    file.heads.push_back(std::move(head));
  }
  return file;
}

void save_iti(const ItiFile& file, const std::string& path) {
  Json heads = Json::array();
  for (const ItiHead& h : file.heads)
    heads.push_back({{"layer", h.layer},
                     {"head", h.head},
                     {"accuracy", h.accuracy},
                     {"sigma", h.sigma},
                     {"direction", h.direction}});
  const Json json{
      {"format", "rouse-iti"},
      {"version", 1},
      {"model",
       {{"arch", file.arch}, {"n_layer", file.n_layer}, {"n_head", file.n_head}, {"head_width", file.width}}},
      {"options", file.options},
      {"report", file.report},
      {"heads", heads}};
  write_whole(path, json.dump() + "\n");
}

std::shared_ptr<const HeadShift> head_shift(const ItiFile& file, const ModelSpec& spec, float alpha,
                                            int n_head) {
  const int width = static_cast<int>(spec.attention.n_embd_out()) / spec.attention.n_head;
  require_model(file.arch == spec.arch && file.n_layer == spec.n_layer &&
                    file.n_head == spec.attention.n_head && file.width == width,
                file.path, ": is for ", file.arch, " of ", file.n_layer, " blocks with ", file.n_head,
                " heads of ", file.width, "; the model is ", spec.arch, " of ", spec.n_layer, " with ",
                spec.attention.n_head, " of ", width);
  require_usage(std::isfinite(alpha), "--iti-alpha is not finite");
  require_usage(n_head >= 1, "--iti-heads is ", n_head, ", expected 1 or more");
  auto shift = std::make_shared<HeadShift>(static_cast<size_t>(spec.n_layer));
  const size_t n = std::min(static_cast<size_t>(n_head), file.heads.size());
  for (size_t i = 0; i < n; ++i) {
    const ItiHead& h = file.heads[i];
    std::vector<float>& row = (*shift)[static_cast<size_t>(h.layer)];
    row.resize(static_cast<size_t>(spec.attention.n_embd_out()));
    const size_t first = static_cast<size_t>(h.head) * static_cast<size_t>(width);
    for (size_t c = 0; c < h.direction.size(); ++c)
      row[first + c] += static_cast<float>(h.sigma) * alpha * h.direction[c];
  }
  return shift;
}

}  // namespace rouse
