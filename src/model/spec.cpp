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

std::string Keys::text_or(const std::string& key, const std::string& fallback) const {
  return file_.text(prefix_ + key).value_or(fallback);
}

static RopeSpec common_rope(const Keys& keys, int n_embd_head) {
  RopeSpec rope;
  rope.n_rot = keys.integer_or("rope.dimension_count", n_embd_head, 2, n_embd_head);
  rope.base = keys.real_or("rope.freq_base", 10000.0);
  rope.n_ctx_orig = keys.integer_or("rope.scaling.original_context_length",
                                    keys.integer("context_length", 1, 1 << 30), 1, 1 << 30);
  const std::string scaling = keys.text_or("rope.scaling.type", "none");
  require_model(scaling == "none" || scaling == "linear" || scaling == "yarn", keys.file().path(),
                ": rope scaling \"", scaling, "\" is not supported; known: none, linear, yarn");
  if (scaling != "none") {
    const float factor = keys.real_or("rope.scaling.factor", 1.0);
    require_model(factor > 0, keys.file().path(), ": the rope scaling factor is ", factor);
    rope.freq_scale = 1.0f / factor;
    rope.ext_factor = scaling == "yarn" ? 1.0f : 0.0f;
    rope.attn_factor = keys.real_or("rope.scaling.attn_factor", 1.0);
  }
  require_model(rope.base > 0 && rope.n_rot % 2 == 0, keys.file().path(), ": rope base ", rope.base, " over ",
                rope.n_rot, " dimensions");
  return rope;
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
  const int value_length = keys.integer_or("attention.value_length", a.n_embd_head, 1, 1 << 14);
  require_model(value_length == a.n_embd_head, file.path(), ": keys of ", a.n_embd_head, " and values of ",
                value_length, " dimensions a head, expected the same");
  a.scale = 1.0f / std::sqrt(static_cast<float>(a.n_embd_head));
  spec.rope = common_rope(keys, a.n_embd_head);

  RouterSpec& r = spec.router;
  r.n_expert = keys.integer_or("expert_count", 0, 0, 4096);
  r.n_expert_used = keys.integer_or("expert_used_count", 0, 0, r.n_expert);
  require_model(r.n_expert == 0 || r.n_expert_used >= 1, file.path(), ": key ", arch,
                ".expert_used_count is missing or 0");
  if (r.n_expert > 0) {
    spec.n_ff_expert = keys.integer_or("expert_feed_forward_length", spec.n_ff, 1, 1 << 24);
    const float scale = keys.real_or("expert_weights_scale", 1.0);
    r.scale = scale == 0.0f ? 1.0f : scale;  // files write 0 for "none"
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
    return spec;
  }
  throw Error(
      cat(file.path(), ": architecture \"", *arch, "\" is not supported; supported: ", join(names, ", ")),
      Exit::bad_model);
}

}  // namespace rouse
