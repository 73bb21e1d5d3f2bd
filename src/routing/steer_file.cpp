/// routing/steer_file.cpp - a file of `rouse steer fit`, read and written.
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "routing/steer.h"

namespace rouse {

SteerFile SteerFile::empty(const RouterSpec& router, const std::string& arch, int n_layer) {
  SteerFile f;
  f.fingerprint = router.fingerprint ? router.fingerprint() : "";
  f.arch = arch;
  f.n_layer = n_layer;
  f.n_expert = router.n_expert;
  f.k = router.n_expert_used;
  f.layers = router.layers;
  f.difference.assign(f.layers.size(), std::vector<double>(static_cast<size_t>(f.n_expert),
                                                           std::numeric_limits<double>::quiet_NaN()));
  return f;
}

static SteerFile steer_of(const JsonValue& f) {
  if (f.at("format").text() != "rouse-steer") f.at("format").refuse("\"rouse-steer\", of `rouse steer fit`");
  f.at("version").integer(1, 1);
  f.only({"format", "version", "model", "options", "n_for", "n_against", "layers", "difference"});
  const JsonValue model = f.at("model");
  model.only({"fingerprint", "arch", "n_layer", "n_expert", "k"});
  SteerFile s;
  s.fingerprint = model.at("fingerprint").text();
  s.arch = model.at("arch").text();
  s.n_layer = static_cast<int>(model.at("n_layer").integer(1, 1024));
  s.n_expert = static_cast<int>(model.at("n_expert").integer(1, 4096));
  s.k = static_cast<int>(model.at("k").integer(1, s.n_expert));
  if (!f.at("options").json().is_object()) f.at("options").refuse("an object");
  s.options = f.at("options").json();
  s.n_for = f.at("n_for").integer(0, INT64_MAX);
  s.n_against = f.at("n_against").integer(0, INT64_MAX);
  s.layers = f.at("layers").integers(1, static_cast<size_t>(s.n_layer), 0, s.n_layer - 1);
  for (size_t l = 1; l < s.layers.size(); ++l)
    if (s.layers[l - 1] >= s.layers[l]) f.at("layers")[l].refuse("more than the entry before it");
  const size_t n = s.layers.size(), e = static_cast<size_t>(s.n_expert);
  for (const JsonValue& row : f.at("difference").list(n, n)) {
    s.difference.emplace_back();
    for (const JsonValue& x : row.list(e, e))
      s.difference.back().push_back(x.is_null() ? std::numeric_limits<double>::quiet_NaN() : x.real(-1, 1));
  }
  return s;
}

SteerFile parse_steer(const std::string& text, const std::string& name) {
  const Json json = parse_json(text, name, ErrorKind::bad_file);
  return steer_of(JsonValue(json, name, ErrorKind::bad_file));
}

SteerFile read_steer(const std::string& path) {
  const Json json = read_json(path, ErrorKind::bad_file);
  return steer_of(JsonValue(json, path, ErrorKind::bad_file));
}

std::string steer_text(const SteerFile& f) {
  Json difference = Json::array();
  for (const auto& row : f.difference) {
    difference.push_back(Json::array());
    for (const double x : row) difference.back().push_back(std::isnan(x) ? Json(nullptr) : Json(x));
  }
  const Json json{{"format", "rouse-steer"},
                  {"version", 1},
                  {"model",
                   {{"fingerprint", f.fingerprint},
                    {"arch", f.arch},
                    {"n_layer", f.n_layer},
                    {"n_expert", f.n_expert},
                    {"k", f.k}}},
                  {"options", f.options},
                  {"n_for", f.n_for},
                  {"n_against", f.n_against},
                  {"layers", f.layers},
                  {"difference", difference}};
  std::string out = "{\n";  // a field a line: diffs and eyes
  size_t i = 0;
  for (const auto& [key, value] : json.items())
    out += cat("  \"", key, "\": ", value.dump(), ++i < json.size() ? ",\n" : "\n");
  return out + "}\n";
}

void save_steer(const SteerFile& file, const std::string& path) {
  write_whole(path, steer_text(file));
}

}  // namespace rouse
