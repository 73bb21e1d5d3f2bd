#include "session/session.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "base/verbose.h"
#include "session/open_model.h"

namespace rouse {

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

static ggml_type kv_type_of(const std::string& name) {
  for (int type = 0; type < GGML_TYPE_COUNT; ++type)
    if (name == ggml_type_name(static_cast<ggml_type>(type))) return static_cast<ggml_type>(type);
  throw Error(cat("kv_type is \"", name, "\", expected a type such as f16"), ErrorKind::usage, "kv_type");
}

/// What the texts of a session want of its engines.
struct Session::Needs {
  std::function<int64_t(int64_t n_ctx)> n_cell;
  int n_text = 1;  ///< that run side by side, each stream of a method counts
  std::function<int(const RouterSpec&)> n_slot = {};  ///< experts that a row may choose in a block
  std::string amateur = {};                           ///< path, or none
};

Session::Session(const ModelOptions& o, std::span<const MethodOptions> methods, int n_parallel)
    : Session(o, {.n_cell =
                      [&](int64_t n_ctx) {
                        int64_t n = n_ctx;
                        for (const MethodOptions& m : methods) n = std::max(n, rouse::n_cell(m, n_ctx));
                        return n * n_parallel;
                      },
                  .n_text = 2 * n_parallel,
                  .n_slot =
                      [&](const RouterSpec& router) {
                        int most = 0;
                        for (const MethodOptions& m : methods) most = std::max(most, most_experts(m, router));
                        return most;
                      },
                  .amateur = only_amateur(methods)}) {}

Session::Session(const ModelOptions& o, int n_stream, const std::string& amateur_path, int n_more)
    : Session(o, {.n_cell = [n_stream](int64_t n_ctx) { return n_stream * n_ctx; },
                  .n_text = n_stream,
                  .n_slot =
                      [n_more](const RouterSpec& router) {
                        return std::min(router.n_expert_used + n_more, router.n_selectable());
                      },
                  .amateur = amateur_path}) {}

/// What -v says of a model that was opened.
static std::string loaded_text(const Session& s, const ModelOptions& o) {
  const Engine& e = *s.engine;
  const uint64_t kv =
      s.spec->kv_elements() * ggml_type_size(e.options().kv_type) * static_cast<uint64_t>(e.n_cell());
  return cat("model: ", printable(e.file().path()), ", ", printable(s.spec->name), ", ", s.spec->arch,
             formatted(", loaded in %.2f s\n", s.load_seconds), "engine: ", e.abilities().engine,
             "\nweights: ", e.placement_text(), "\nKV cache: ", e.n_cell(), " cells of ",
             ggml_type_name(e.options().kv_type), ", ", bytes_text(kv), "; a text may have ", e.n_ctx(),
             " tokens, a graph ", e.options().n_batch, " rows\n", s.devices->text(),
             o.n_thread > 0 ? " (as -t says)"
                            : "; each graph runs with what was fastest for its size (-t fixes it)");
}

Session::Session(const ModelOptions& o, const Needs& needs) {
  const double begin = now_seconds();
  devices = std::make_shared<Devices>(o.n_thread);
  const OpenedModel opened = open_model(o, devices, needs.n_slot);
  spec = opened.spec();
  tokenizer = std::make_shared<const Tokenizer>(opened.file());
  EngineOptions options;
  options.n_ctx = o.n_ctx > 0 ? o.n_ctx : std::min(spec->n_ctx_train, 4096);
  const int64_t cells = needs.n_cell(options.n_ctx);
  require_of(cells < 1 << 30, ErrorKind::usage, "n_cell", "texts of ", options.n_ctx, " tokens take ", cells,
             " KV cells");
  options.n_cell = static_cast<int>(cells);
  options.n_batch = o.n_batch;
  options.n_sequence = needs.n_text + 8;  // what is kept, samples, continuations that are scored
  require_option(o.kv_type_v.empty() || o.kv_type_v == o.kv_type, "cache_type_v", " is ", o.kv_type_v,
                 ", expected ", o.kv_type, ": keys and values have one type, that of kv_type");
  options.kv_type = kv_type_of(o.kv_type);
  options.flash_attention = o.flash == "on";
  engine = opened.engine(options);
  if (!needs.amateur.empty()) {
    ModelOptions a = o;
    a.model = needs.amateur;
    const OpenedModel amateur = open_model(a, devices);
    require_same_vocabulary(*tokenizer, Tokenizer(amateur.file()));
    amateur_engine = amateur.engine(options);
  }
  accelerated = devices->gpu() && o.n_gpu_layer > 0;
  load_seconds = now_seconds() - begin;
  tell([&] { return loaded_text(*this, o); });
}

MethodModels Session::models() const {
  MethodModels out{*spec, accelerated, amateur_engine ? &amateur_engine->spec() : nullptr,
                   engine->abilities()};
  if (amateur_engine) out.abilities.hidden = out.abilities.hidden && amateur_engine->abilities().hidden;
  return out;
}

GenerateOptions Session::limited(GenerateOptions options) const {
  if (options.n_predict < 0) options.n_predict = engine->n_ctx();
  return options;
}

std::unique_ptr<Generation> Session::start(const MethodOptions& method, std::vector<int> prompt,
                                           const GenerateOptions& options, OnText on_text,
                                           OnText on_reasoning) const {
  check_options(method, options);
  return std::make_unique<Generation>(engines(), *tokenizer, make_method(method, models()), std::move(prompt),
                                      limited(options), std::move(on_text), std::move(on_reasoning));
}

}  // namespace rouse
