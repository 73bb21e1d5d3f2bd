#include "session/session.h"

#include <filesystem>
#include <regex>

#include "base/clock.h"
#include "base/error.h"
#include "base/installation.h"

namespace rouse {

namespace fs = std::filesystem;

std::string default_model() {
  constexpr const char* kHere = "models/rouse-lab.gguf";
  std::error_code ignored;
  return fs::exists(kHere, ignored) ? kHere : installed_file({kHere, "share/rouse/rouse-lab.gguf"});
}

std::string model_path(const ModelOptions& o) {
  const std::string path = o.model.empty() ? default_model() : o.model;
  if (!path.empty()) return path;
  throw Error("no model was given (a GGUF file), and the default one, models/rouse-lab.gguf, is not here",
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

std::shared_ptr<const Model> load_model(const ModelOptions& o, std::shared_ptr<const Devices> devices) {
  return std::make_shared<Model>(model_path(o), std::move(devices), placement_of(o), [&](double done) {
    if (o.progress) o.progress(done);
  });
}

static std::string only_amateur(std::span<const MethodOptions> methods) {
  std::string path;
  for (const MethodOptions& m : methods) {
    if (!method_entry(m.name).amateur || m.amateur.empty()) continue;
    require_usage(path.empty() || path == m.amateur, "two amateurs, ", path, " and ", m.amateur,
                  "; one run takes one");
    path = m.amateur;
  }
  return path;
}

Session::Session(const ModelOptions& o, std::span<const MethodOptions> methods, int n_parallel)
    : Session(
          o,
          [&](int64_t n_ctx) {
            int64_t n = n_ctx;
            for (const MethodOptions& m : methods) n = std::max(n, n_cell(m, n_ctx));
            return n * n_parallel;
          },
          only_amateur(methods)) {}

Session::Session(const ModelOptions& o, int n_stream, const std::string& amateur_path)
    : Session(
          o, [n_stream](int64_t n_ctx) { return n_stream * n_ctx; }, amateur_path) {}

Session::Session(const ModelOptions& o, const std::function<int64_t(int64_t n_ctx)>& n_cell,
                 const std::string& amateur_path) {
  const double begin = now_seconds();
  devices = std::make_shared<Devices>(o.n_thread);
  model = load_model(o, devices);
  tokenizer = std::make_shared<const Tokenizer>(model->file());
  EngineOptions options;
  options.n_ctx = o.n_ctx > 0 ? o.n_ctx : std::min(model->spec().n_ctx_train, 4096);
  const int64_t cells = n_cell(options.n_ctx);
  require_of(cells < 1 << 30, ErrorKind::usage, "n_cell", "texts of ", options.n_ctx, " tokens take ", cells,
             " KV cells");
  options.n_cell = static_cast<int>(cells);
  options.n_batch = o.n_batch;
  options.kv_type = o.kv_type == "f32" ? GGML_TYPE_F32 : GGML_TYPE_F16;
  options.flash_attention = o.flash == "on";
  engine = std::make_unique<Engine>(model, options);
  if (!amateur_path.empty()) {
    ModelOptions a = o;
    a.model = amateur_path;
    amateur = load_model(a, devices);
    require_same_vocabulary(*tokenizer, Tokenizer(amateur->file()));
    amateur_engine = std::make_unique<Engine>(amateur, options);
  }
  accelerated = devices->gpu() && o.n_gpu_layer > 0;
  load_seconds = now_seconds() - begin;
}

std::unique_ptr<Generation> Session::start(const MethodOptions& method, std::vector<int> prompt,
                                           const GenerateOptions& options, OnText on_text,
                                           OnText on_reasoning) const {
  check_options(method, options);
  return std::make_unique<Generation>(engines(), *tokenizer, make_method(method, models()), std::move(prompt),
                                      options, std::move(on_text), std::move(on_reasoning));
}

}  // namespace rouse
