#include "cli/version.h"

#include <ggml-backend.h>
#include <openssl/crypto.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/build.h"
#include "gguf/file.h"
#include "session/open_model.h"

namespace rouse {
namespace {

std::string compiler() {
#if defined(__clang__)
  return cat("clang ", __clang_version__);
#else
  return cat("g++ ", __VERSION__);
#endif
}

/// What a backend was built with and the machine has: "AVX2", or "REPACK" of a CPU.
void add_features(ggml_backend_reg_t reg, Json& out) {
  const auto features = reinterpret_cast<ggml_backend_get_features_t>(
      ggml_backend_reg_get_proc_address(reg, "ggml_backend_get_features"));
  if (!features) return;
  for (const ggml_backend_feature* f = features(reg); f && f->name; ++f) {
    const std::string value = f->value;
    out.push_back(value == "1" ? std::string(f->name) : cat(f->name, "=", value));
  }
}

/// The default model, which a build or an installation may lack.
Json model() {
  const std::string path = default_model();
  if (path.empty()) return nullptr;
  try {
    return {{"path", path}, {"fingerprint", GgufFile(path).fingerprint()}};
  } catch (const Error& e) {
    return {{"path", path}, {"fingerprint", nullptr}, {"error", e.what()}};
  }
}

std::string text_of(const Json& value) {
  return value.is_null() ? "none" : value.get<std::string>();
}

}  // namespace

Json version_json(const std::string& version) {
  Json devices = Json::array(), features = Json::array(), blas = nullptr;
  for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    const std::string name = ggml_backend_dev_name(device), what = ggml_backend_dev_description(device);
    devices.push_back({{"name", name}, {"description", what}});
    if (ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_ACCEL && name == "BLAS") blas = what;
  }
  for (size_t i = 0; i < ggml_backend_reg_count(); ++i) add_features(ggml_backend_reg_get(i), features);
  return {{"version", version},       {"commit", kBuildCommit}, {"compiler", compiler()},
          {"llama_cpp", kBuildLlama}, {"ggml", ggml_version()}, {"devices", devices},
          {"features", features},     {"blas", blas},           {"tls", OpenSSL_version(OPENSSL_VERSION)},
          {"model", model()}};
}

std::string version_text(const Json& d) {
  std::string out = cat("rouse ", text_of(d["version"]), "\n");
  const auto line = [&](const char* name, const std::string& text) {
    out += cat("  ", padded(name, 10), text, "\n");
  };
  line("commit", text_of(d["commit"]));
  line("compiler", text_of(d["compiler"]));
  line("llama.cpp", text_of(d["llama_cpp"]));
  line("ggml", text_of(d["ggml"]));
  for (const Json& device : d["devices"])
    line("device", cat(text_of(device["name"]), ": ", text_of(device["description"])));
  line("features", join(d["features"].get<std::vector<std::string>>(), " "));
  line("BLAS", text_of(d["blas"]));
  line("TLS", text_of(d["tls"]));
  const Json& model = d["model"];
  line("model", model.is_null() ? "none" : cat(text_of(model["path"]), ", ", text_of(model["fingerprint"])));
  return out;
}

}  // namespace rouse
