#include "decoding/iti.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"

namespace rouse {

static ItiHead parse_head(const JsonValue& h, const ItiFile& file) {
  h.only({"layer", "head", "accuracy", "sigma", "direction"});
  ItiHead head;
  head.layer = static_cast<int>(h.at("layer").integer(0, file.n_layer - 1));
  head.head = static_cast<int>(h.at("head").integer(0, file.n_head - 1));
  head.accuracy = h.at("accuracy").real(0, 1);
  head.sigma = h.at("sigma").real(0, 1e15);
  const auto n = static_cast<size_t>(file.width);
  const std::vector<double> direction = h.at("direction").reals(n, n, -2, 2);  // its length is 1
  head.direction.assign(direction.begin(), direction.end());
  return head;
}

ItiFile read_iti(const std::string& path) {
  const Json json = read_json(path, ErrorKind::bad_file);
  const JsonValue root(json, path, ErrorKind::bad_file);
  if (root.at("format").text() != "rouse-iti") root.at("format").refuse("\"rouse-iti\", of `rouse iti fit`");
  root.at("version").integer(1, 1);
  root.only({"format", "version", "model", "options", "report", "heads"});
  ItiFile file;
  file.path = path;
  const JsonValue model = root.at("model");
  model.only({"arch", "n_layer", "n_head", "head_width"});
  file.arch = model.at("arch").text();
  file.n_layer = static_cast<int>(model.at("n_layer").integer(1, 10000));
  file.n_head = static_cast<int>(model.at("n_head").integer(1, 100000));
  file.width = static_cast<int>(model.at("head_width").integer(1, 1 << 20));
  const auto object = [&](const char* key) {
    const auto value = root.find(key);
    if (value && !value->json().is_object()) value->refuse("an object");
    return value ? value->json() : Json::object();
  };
  file.options = object("options");
  file.report = object("report");
  std::set<std::pair<int, int>> seen;
  const size_t most = static_cast<size_t>(file.n_layer) * static_cast<size_t>(file.n_head);
  for (const JsonValue& h : root.at("heads").list(0, most)) {
    file.heads.push_back(parse_head(h, file));
    if (!seen.insert({file.heads.back().layer, file.heads.back().head}).second)
      h.at("head").refuse("a head that is not listed before");
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

int usual_iti_heads(int n_head_total) {
  return std::max(1, static_cast<int>(std::lround(n_head_total * 48.0 / 1024)));
}

float usual_iti_alpha(int width) {
  return std::round(15.0f * static_cast<float>(width) / 4096 * 100) / 100;  // two decimals, to be read
}

std::shared_ptr<const HeadShift> head_shift(const ItiFile& file, const ModelSpec& spec, float alpha,
                                            int n_head) {
  const int width = static_cast<int>(spec.attention.n_embd_out()) / spec.attention.n_head;
  require_file(file.arch == spec.arch && file.n_layer == spec.n_layer &&
                   file.n_head == spec.attention.n_head && file.width == width,
               file.path, ": is for ", file.arch, " of ", file.n_layer, " blocks with ", file.n_head,
               " heads of ", file.width, "; the model is ", spec.arch, " of ", spec.n_layer, " with ",
               spec.attention.n_head, " of ", width);
  require_option(std::isfinite(alpha), "iti_alpha", " is not finite");
  require_option(n_head >= 1, "iti_heads", " is ", n_head, ", expected 1 or more");
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
