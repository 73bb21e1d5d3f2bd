#include "model/spec.h"

#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

int Keys::integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const {
  const int64_t value = file_.integer(prefix_ + key).value_or(fallback);
  require_model(value >= low && value <= high, file_.path(), ": key ", prefix_, key, " is ", value,
                ", expected ", low, " to ", high);
  return static_cast<int>(value);
}

int Keys::integer(const std::string& key, int64_t low, int64_t high) const {
  require_model(file_.has(prefix_ + key), file_.path(), ": key ", prefix_, key, " is missing");
  return integer_or(key, 0, low, high);
}

float Keys::real_or(const std::string& key, double fallback) const {
  return static_cast<float>(file_.real(prefix_ + key).value_or(fallback));
}

float Keys::real(const std::string& key) const {
  require_model(file_.has(prefix_ + key), file_.path(), ": key ", prefix_, key, " is missing");
  return real_or(key, 0);
}

bool Keys::boolean_or(const std::string& key, bool fallback) const {
  return file_.boolean(prefix_ + key).value_or(fallback);
}

std::string Keys::text_or(const std::string& key, const std::string& fallback) const {
  return file_.text(prefix_ + key).value_or(fallback);
}

float scale_or_one(const Keys& keys, const std::string& key) {
  const float value = keys.real_or(key, 1.0);
  if (value == 0.0f) return 1.0f;
  require_model(std::abs(value) > 1e-6f && std::abs(value) < 1e6f, keys.file().path(), ": key ",
                keys.prefix(), key, " is ", value, ", expected a multiplier between 1e-6 and 1e6");
  return value;
}

ModelSpec common_spec(const Keys& keys, const std::string& arch) {
  const GgufFile& file = keys.file();
  ModelSpec spec;
  spec.arch = arch;
  spec.name = file.text("general.name").value_or("");
  spec.n_layer = keys.integer("block_count", 1, 1024);
  spec.n_embd = keys.integer("embedding_length", 1, 1 << 20);
  spec.n_ctx_train = keys.integer("context_length", 1, 1 << 30);
  spec.n_ff = keys.integer_or("feed_forward_length", 0, 0, 1 << 24);
  spec.norm_eps = keys.real("attention.layer_norm_rms_epsilon");
  require_model(spec.norm_eps > 0 && spec.norm_eps < 1, file.path(), ": the norm epsilon is ", spec.norm_eps);

  AttentionSpec& a = spec.attention;
  a.n_head = keys.integer("attention.head_count", 1, 4096);
  a.n_head_kv = keys.integer_or("attention.head_count_kv", a.n_head, 1, a.n_head);
  require_model(a.n_head % a.n_head_kv == 0, file.path(), ": ", a.n_head, " heads over ", a.n_head_kv,
                " KV heads do not divide");
  require_model(spec.n_embd % a.n_head == 0 || file.has(arch + ".attention.key_length"), file.path(),
                ": width ", spec.n_embd, " over ", a.n_head, " heads does not divide");
  a.n_embd_head = keys.integer_or("attention.key_length", spec.n_embd / a.n_head, 1, 1 << 14);
  a.n_embd_head_v = keys.integer_or("attention.value_length", a.n_embd_head, 1, 1 << 14);
  a.scale = 1.0f / std::sqrt(static_cast<float>(a.n_embd_head));
  spec.rope = read_rope(keys, a.n_embd_head);

  RouterSpec& r = spec.router;
  r.n_expert = keys.integer_or("expert_count", 0, 0, 4096);
  r.n_expert_used = keys.integer_or("expert_used_count", 0, 0, r.n_expert);
  require_model(r.n_expert == 0 || r.n_expert_used >= 1, file.path(), ": key ", arch,
                ".expert_used_count is missing or 0");
  if (r.n_expert > 0) {
    spec.n_ff_expert = keys.integer_or("expert_feed_forward_length", spec.n_ff, 1, 1 << 24);
    r.scale = scale_or_one(keys, "expert_weights_scale");
  }
  const ggml_tensor* embd = file.tensor("token_embd.weight");
  require_model(embd != nullptr, file.path(), ": tensor token_embd.weight is missing");
  require_model(embd->ne[1] <= (1 << 24), file.path(), ": a vocabulary of ", embd->ne[1], " tokens");
  spec.n_vocab = static_cast<int>(embd->ne[1]);
  return spec;
}

ModelSpec read_spec(const GgufFile& file) {
  const auto arch = file.text("general.architecture");
  require_model(arch.has_value(), file.path(), ": key general.architecture is missing");
  std::vector<std::string> names;
  for (const ArchEntry& entry : arch_registry()) {
    names.emplace_back(entry.name);
    if (*arch != entry.name) continue;
    ModelSpec spec = entry.spec(Keys(file, *arch + "."));
    require_model(spec.n_leading_dense <= spec.n_layer, file.path(), ": ", spec.n_leading_dense,
                  " leading dense layers of ", spec.n_layer);
    for (int layer = spec.n_leading_dense; spec.router.n_expert > 0 && layer < spec.n_layer; ++layer)
      spec.router.layers.push_back(layer);
    spec.tied_head = !file.tensor("output.weight");
    return spec;
  }
  throw Error(
      cat(file.path(), ": architecture \"", *arch, "\" is not supported; supported: ", join(names, ", ")),
      Exit::bad_model);
}

}  // namespace rouse
