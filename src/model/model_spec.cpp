#include "model/model_spec.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "model/key_check.h"

namespace rouse {

/// The key's full name; it counts as asked for from here on.
std::string Keys::full(const std::string& key) const {
  asked_.insert(key);
  return prefix_ + key;
}

void Keys::refuse(const std::string& key, const std::string& what) const {
  throw Error(cat(file_.path(), ": key ", prefix_, key, " is ", what), ErrorKind::bad_model);
}

int Keys::integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const {
  const int64_t value = file_.integer(full(key)).value_or(fallback);
  if (value < low || value > high)
    refuse(key, low == high ? cat(value, ", expected ", low) : cat(value, ", expected ", low, " to ", high));
  return static_cast<int>(value);
}

int Keys::integer(const std::string& key, int64_t low, int64_t high) const {
  require_model(has(key), file_.path(), ": key ", prefix_, key, " is missing");
  return integer_or(key, 0, low, high);
}

int Keys::per_layer_or(const std::string& key, int n_layer, int64_t fallback, int64_t low,
                       int64_t high) const {
  if (!file_.array_type(full(key))) return integer_or(key, fallback, low, high);
  const std::vector<int64_t> values = file_.integers(full(key));
  if (static_cast<int>(values.size()) != n_layer)
    refuse(key,
           cat("an array of ", values.size(), " numbers, expected one for each of ", n_layer, " blocks"));
  for (size_t layer = 0; layer < values.size(); ++layer) {
    if (values[layer] != values[0])
      refuse(key, cat(values[0], " in block 0 and ", values[layer], " in block ", layer,
                      ", expected the same in all"));
    if (values[layer] < low || values[layer] > high)
      refuse(key, cat(values[layer], ", expected ", low, " to ", high));
  }
  return static_cast<int>(values[0]);
}

int Keys::per_layer(const std::string& key, int n_layer, int64_t low, int64_t high) const {
  require_model(has(key), file_.path(), ": key ", prefix_, key, " is missing");
  return per_layer_or(key, n_layer, 0, low, high);
}

float Keys::real_or(const std::string& key, double fallback) const {
  const double value = file_.real(full(key)).value_or(fallback);
  if (std::abs(value) > std::numeric_limits<float>::max()) refuse(key, cat(value, ", far out of range"));
  return static_cast<float>(value);
}

float Keys::real(const std::string& key) const {
  require_model(has(key), file_.path(), ": key ", prefix_, key, " is missing");
  return real_or(key, 0);
}

bool Keys::boolean_or(const std::string& key, bool fallback) const {
  return file_.boolean(full(key)).value_or(fallback);
}

std::string Keys::text_or(const std::string& key, const std::string& fallback) const {
  return file_.text(full(key)).value_or(fallback);
}

float scale_or_one(const Keys& keys, const std::string& key) {
  const float value = keys.real_or(key, 1.0);
  if (value == 0.0f) return 1.0f;
  if (!(std::abs(value) > 1e-6f && std::abs(value) < 1e6f))
    keys.refuse(key, cat(value, ", expected a multiplier between 1e-6 and 1e6"));
  return value;
}

ModelSpec common_spec(const Keys& keys) {
  const std::string arch = keys.prefix().substr(0, keys.prefix().size() - 1);  // without its dot
  const GgufFile& file = keys.file();
  ModelSpec spec;
  spec.arch = arch;
  spec.name = file.text("general.name").value_or("");
  spec.n_layer = keys.integer("block_count", 1, 1024);
  spec.n_embd = keys.integer("embedding_length", 1, 1 << 20);
  spec.n_ctx_train = keys.integer("context_length", 1, 1 << 30);
  spec.n_ff = keys.per_layer_or("feed_forward_length", spec.n_layer, 0, 0, 1 << 24);
  spec.norm_eps = keys.real("attention.layer_norm_rms_epsilon");
  require_model(spec.norm_eps > 0 && spec.norm_eps < 1, file.path(), ": the norm epsilon is ", spec.norm_eps);

  AttentionSpec& a = spec.attention;
  a.n_head = keys.per_layer("attention.head_count", spec.n_layer, 1, 4096);
  a.n_head_kv = keys.per_layer_or("attention.head_count_kv", spec.n_layer, a.n_head, 1, a.n_head);
  require_model(a.n_head % a.n_head_kv == 0, file.path(), ": ", a.n_head, " heads over ", a.n_head_kv,
                " KV heads do not divide");
  require_model(spec.n_embd % a.n_head == 0 || file.has(arch + ".attention.key_length"), file.path(),
                ": width ", spec.n_embd, " over ", a.n_head, " heads does not divide");
  a.n_embd_head = keys.integer_or("attention.key_length", spec.n_embd / a.n_head, 1, 1 << 14);
  a.n_embd_head_v = keys.integer_or("attention.value_length", a.n_embd_head, 1, 1 << 14);
  a.scale = 1.0f / std::sqrt(static_cast<float>(a.n_embd_head));
  spec.rope = read_rope(keys, a.n_embd_head);
  a.fused_qkv = file.tensor("blk.0.attn_qkv.weight") != nullptr;

  RouterSpec& r = spec.router;
  r.n_expert = keys.integer_or("expert_count", 0, 0, 4096);
  r.n_expert_used = keys.per_layer_or("expert_used_count", spec.n_layer, 0, 0, r.n_expert);
  require_model(r.n_expert == 0 || r.n_expert_used >= 1, file.path(), ": key ", arch,
                ".expert_used_count is missing or 0");
  if (r.n_expert > 0)
    spec.n_ff_expert = keys.per_layer_or("expert_feed_forward_length", spec.n_layer, spec.n_ff, 1, 1 << 24);
  const ggml_tensor* embd = file.tensor("token_embd.weight");
  require_model(embd != nullptr, file.path(), ": tensor token_embd.weight is missing");
  require_model(embd->ne[1] <= (1 << 24), file.path(), ": a vocabulary of ", embd->ne[1], " tokens");
  spec.n_vocab = static_cast<int>(embd->ne[1]);
  return spec;
}

void leave_out_nextn(const Keys& keys, ModelSpec& spec) {
  spec.n_nextn = keys.integer_or("nextn_predict_layers", 0, 0, spec.n_layer - 1);
  spec.n_layer -= spec.n_nextn;
}

void read_gate(const Keys& keys, ModelSpec& spec, Gate usual) {
  require_model(spec.router.n_expert > 0, keys.file().path(), ": key ", keys.prefix(),
                "expert_count is missing or 0");
  const int function = keys.integer_or("expert_gating_func", 0, 0, 1 << 16);
  if (function > 2) keys.refuse("expert_gating_func", cat(function, ", expected 1 (softmax) or 2 (sigmoid)"));
  spec.router.gate = function == 0 ? usual : function == 2 ? Gate::sigmoid : Gate::softmax;
}

void read_weights(const Keys& keys, ModelSpec& spec, bool usual_norm) {
  spec.router.scale = scale_or_one(keys, "expert_weights_scale");
  spec.router.renormalize = keys.boolean_or("expert_weights_norm", usual_norm);
}

void read_shared_experts(const Keys& keys, ModelSpec& spec) {
  spec.n_leading_dense = keys.integer_or("leading_dense_block_count", 0, 0, spec.n_layer);
  spec.n_ff_shared = keys.integer_or("expert_shared_count", 0, 0, 64) * spec.n_ff_expert;
}

void read_groups(const Keys& keys, ModelSpec& spec) {
  const std::string& path = keys.file().path();
  RouterSpec& r = spec.router;
  r.n_group = keys.integer_or("expert_group_count", 1, 0, r.n_expert);
  if (r.n_group == 0) r.n_group = 1;
  r.n_group_used = keys.integer_or("expert_group_used_count", r.n_group, 0, r.n_group);
  if (r.n_group_used == 0) r.n_group_used = r.n_group;
  require_model(r.n_expert % r.n_group == 0, path, ": ", r.n_expert, " experts over ", r.n_group,
                " groups do not divide");
  // DeepSeek-V2 scores a group by its best expert, V3 and others with sigmoid gates by the sum of its two
  // best.
  r.group_score = r.gate == Gate::sigmoid ? GroupScore::best_two : GroupScore::best;
  require_model(r.group_score == GroupScore::best || r.n_group == 1 || r.n_expert / r.n_group >= 2, path,
                ": groups of one expert cannot be scored by their two best");
  require_model(r.n_expert_used <= r.n_selectable(), path, ": ", r.n_expert_used, " experts a token of the ",
                r.n_selectable(), " that its groups leave");
}

void read_text_sections(const Keys& keys) {
  const std::string key = "rope.dimension_sections";
  if (!keys.file().array_type(keys.prefix() + key)) return;
  const std::vector<int64_t> sections = keys.integers(key);
  if (sections.size() > 3 && sections[3] != 0)
    keys.refuse(
        key, cat("with ", sections[3], " dimensions in section 3, expected 0: it has no position in a text"));
}

std::string usual_engine(const GgufFile& file) {
  const std::string arch = file.text("general.architecture").value_or("");
  const bool native =
      std::ranges::any_of(arch_registry(), [&](const ArchEntry& e) { return arch == e.name; });
  return native || arch.empty() ? "native" : "libllama";
}

ModelSpec read_spec(const GgufFile& file) {
  const auto arch = file.text("general.architecture");
  require_model(arch.has_value(), file.path(), ": key general.architecture is missing");
  std::vector<std::string> names;
  for (const ArchEntry& entry : arch_registry()) {
    names.emplace_back(entry.name);
    if (*arch != entry.name) continue;
    const Keys keys(file, *arch + ".");
    ModelSpec spec = entry.spec(keys);
    require_model(spec.n_leading_dense <= spec.n_layer, file.path(), ": ", spec.n_leading_dense,
                  " leading dense layers of ", spec.n_layer);
    for (int layer = 0; layer < spec.n_layer; ++layer)
      if (spec.moe_layer(layer)) spec.router.layers.push_back(layer);
    spec.tied_head = !file.tensor("output.weight");
    spec.unknown_keys = check_keys(keys, spec);
    return spec;
  }
  throw Error(
      cat(file.path(), ": architecture \"", *arch, "\" is not supported; supported: ", join(names, ", ")),
      ErrorKind::bad_model);
}

}  // namespace rouse
