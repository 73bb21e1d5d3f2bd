#include "session/open_model.h"

#include <filesystem>
#include <regex>

#include "base/error.h"
#include "base/installation.h"

namespace rouse {

namespace fs = std::filesystem;

std::string default_model() {
  constexpr const char* kHere = "models/rouse-lab-2.gguf";
  std::error_code ignored;
  return fs::exists(kHere, ignored) ? kHere : installed_file({kHere, "share/rouse/rouse-lab-2.gguf"});
}

std::string model_path(const ModelOptions& o) {
  const std::string path = o.model.empty() ? default_model() : o.model;
  if (!path.empty()) return path;
  throw Error("no model was given (a GGUF file), and the default one, models/rouse-lab-2.gguf, is not here",
              ErrorKind::bad_model, "model");
}

static Placement placement_of(const ModelOptions& o) {
  Placement p;
  p.n_gpu_layer = o.n_gpu_layer;
  p.n_cpu_moe = o.n_cpu_moe;
  for (const std::string& text : o.overrides) {
    const size_t equals = text.rfind('=');
    require_option(equals != std::string::npos && equals > 0, "override_tensor", " is \"", text,
                   "\", expected REGEX=CPU or REGEX=GPU");
    const std::string device = text.substr(equals + 1);
    require_option(device == "CPU" || device == "GPU", "override_tensor", ": unknown device \"", device,
                   "\", expected CPU or GPU");
    try {
      (void)std::regex(text.substr(0, equals));
    } catch (const std::regex_error& e) {
      throw Error(
          cat("override_tensor: \"", text.substr(0, equals), "\" is not a regular expression: ", e.what()),
          ErrorKind::usage, "override_tensor");
    }
    p.overrides.emplace_back(text.substr(0, equals), device);
  }
  return p;
}

std::shared_ptr<const ModelSpec> OpenedModel::spec() const {
  if (native) return {native, &native->spec()};
  return {llama, &llama->spec()};
}

std::unique_ptr<Engine> OpenedModel::engine(const EngineOptions& options) const {
  if (native) return std::make_unique<NativeEngine>(native, options);
  return std::make_unique<LlamaEngine>(llama, options);
}

OpenedModel open_model(const ModelOptions& o, std::shared_ptr<const Devices> devices,
                       const std::function<int(const RouterSpec&)>& n_slot) {
  const std::string path = model_path(o);
  const Placement placement = placement_of(o);
  const Model::Progress progress = [&](double done) {
    if (o.progress) o.progress(done);
  };
  GgufFile file(path);
  const std::string engine = o.engine == "auto" ? usual_engine(file) : o.engine;
  require_option(engine == "native" || engine == "libllama", "engine", " is \"", o.engine,
                 "\", expected auto, native or libllama");
  if (engine == "native") {
    require_option(o.n_slot == 0, "n_slots", " is for libllama's engine; this file runs on rouse's own");
    return {std::make_shared<Model>(std::move(file), std::move(devices), placement, progress), nullptr};
  }
  auto model = std::make_shared<const LlamaModel>(std::move(file), devices, placement, o.n_slot, progress);
  const int needed = n_slot && o.n_slot == 0 ? n_slot(model->spec().router) : 0;
  if (needed > model->n_slot()) {  // only now are the routers known, and so what policies choose
    model.reset();
    model = std::make_shared<const LlamaModel>(path, std::move(devices), placement, needed, progress);
  }
  return {nullptr, std::move(model)};
}

}  // namespace rouse
