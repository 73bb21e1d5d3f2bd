#include "model/tensors.h"

#include <ggml-cpu.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

using Kind = TensorKind;

/// Collects the tensors of one block.
struct BlockTable {
  std::string prefix;
  std::vector<TensorInfo> tensors;
  void add(const std::string& name, std::vector<int64_t> ne, Kind kind = Kind::matrix, bool required = true) {
    tensors.push_back({prefix + name, std::move(ne), kind, required});
  }
};

void add_attention(BlockTable& t, const ModelSpec& spec) {
  const AttentionSpec& a = spec.attention;
  const int64_t n = spec.n_embd, n_q = a.n_embd_q(), n_k = a.n_embd_k(), n_v = a.n_embd_v(),
                hd = a.n_embd_head;
  if (a.fused_qkv) {
    t.add("attn_qkv.weight", {n, n_q + n_k + n_v});
    t.add("attn_qkv.bias", {n_q + n_k + n_v}, Kind::bias, a.qkv_bias);
  } else {
    t.add("attn_q.weight", {n, n_q});
    t.add("attn_k.weight", {n, n_k});
    t.add("attn_v.weight", {n, n_v});
    t.add("attn_q.bias", {n_q}, Kind::bias, a.qkv_bias);
    t.add("attn_k.bias", {n_k}, Kind::bias, a.qkv_bias);
    t.add("attn_v.bias", {n_v}, Kind::bias, a.qkv_bias);
  }
  if (a.qk_norm != QkNorm::none) {
    const bool head = a.qk_norm == QkNorm::head;
    t.add("attn_q_norm.weight", {head ? hd : n_q}, Kind::norm);
    t.add("attn_k_norm.weight", {head ? hd : n_k}, Kind::norm);
  }
  if (a.sinks) t.add("attn_sinks.weight", {a.n_head}, Kind::bias);
}

void add_latent_attention(BlockTable& t, const ModelSpec& spec) {
  const AttentionSpec& a = spec.attention;
  const LatentSpec& l = a.latent;
  const int64_t n = spec.n_embd, h = a.n_head, c = l.n_lora_kv;
  const int64_t n_q = h * (l.n_embd_nope + l.n_embd_rope);
  if (l.n_lora_q > 0) {
    t.add("attn_q_a.weight", {n, l.n_lora_q});
    t.add("attn_q_a_norm.weight", {l.n_lora_q}, Kind::norm);
    t.add("attn_q_b.weight", {l.n_lora_q, n_q});
  } else {
    t.add("attn_q.weight", {n, n_q});
  }
  t.add("attn_kv_a_mqa.weight", {n, c + l.n_embd_rope});
  t.add("attn_kv_a_norm.weight", {c}, Kind::norm);
  if (l.absorbed) {
    t.add("attn_k_b.weight", {l.n_embd_nope, c, h});
    t.add("attn_v_b.weight", {c, l.n_embd_value, h});
  } else {
    t.add("attn_kv_b.weight", {c, h * (l.n_embd_nope + l.n_embd_value)});
  }
}

void add_experts(BlockTable& t, const ModelSpec& spec) {
  const int64_t n = spec.n_embd, ff = spec.n_ff_expert, e = spec.router.n_expert, shared = spec.n_ff_shared;
  t.add("ffn_gate_inp.weight", {n, e}, Kind::router);
  if (spec.selection_bias) t.add("exp_probs_b.bias", {e}, Kind::bias, false);
  t.add("ffn_gate_up_exps.weight", {n, 2 * ff, e}, Kind::matrix, false);
  const std::string merged = t.tensors.back().name;
  for (const char* half : {"ffn_gate_exps.weight", "ffn_up_exps.weight"}) {
    t.add(half, {n, ff, e});
    t.tensors.back().instead = merged;
  }
  t.add("ffn_down_exps.weight", {ff, n, e});
  if (spec.expert_bias) {
    t.add("ffn_gate_inp.bias", {e}, Kind::bias);
    t.add("ffn_gate_exps.bias", {ff, e}, Kind::bias);
    t.add("ffn_up_exps.bias", {ff, e}, Kind::bias);
    t.add("ffn_down_exps.bias", {n, e}, Kind::bias);
  }
  if (shared > 0) {
    if (spec.shared_gate) t.add("ffn_gate_inp_shexp.weight", {n}, Kind::router);
    t.add("ffn_gate_shexp.weight", {n, shared});
    t.add("ffn_up_shexp.weight", {n, shared});
    t.add("ffn_down_shexp.weight", {shared, n});
  }
}

}  // namespace

std::vector<TensorInfo> block_tensors(const ModelSpec& spec, int layer) {
  const int64_t n = spec.n_embd, ff = spec.n_ff;
  BlockTable t{cat("blk.", layer, "."), {}};
  t.add("attn_norm.weight", {n}, Kind::norm);
  if (spec.attention.latent.on())
    add_latent_attention(t, spec);
  else
    add_attention(t, spec);
  t.add("attn_output.weight", {spec.attention.n_embd_out(), n});
  t.add("attn_output.bias", {n}, Kind::bias, spec.attention.output_bias);
  t.add(std::string(spec.ffn_norm) + ".weight", {n}, Kind::norm);
  if (spec.moe_layer(layer)) {
    add_experts(t, spec);
  } else {
    t.add("ffn_gate.weight", {n, ff});
    t.add("ffn_up.weight", {n, ff});
    t.add("ffn_down.weight", {ff, n});
  }
  return std::move(t.tensors);
}

std::vector<TensorInfo> outer_tensors(const ModelSpec& spec) {
  return {{"token_embd.weight", {spec.n_embd, spec.n_vocab}},
          {"output_norm.weight", {spec.n_embd}, TensorKind::norm},
          {"output.weight", {spec.n_embd, spec.n_vocab}, TensorKind::matrix, false},
          {"rope_freqs.weight", {spec.rope.n_rot / 2}, TensorKind::norm, false}};
}

static std::string shape_text(std::span<const int64_t> ne) {
  std::vector<std::string> parts;
  for (const int64_t n : ne) parts.push_back(cat(n));
  return cat("[", join(parts, ", "), "]");
}

bool type_fits(TensorKind kind, ggml_type type) {
  if (kind == TensorKind::norm || kind == TensorKind::bias) return type == GGML_TYPE_F32;
  const auto* traits = ggml_get_type_traits_cpu(type);
  return traits->vec_dot && ggml_get_type_traits_cpu(traits->vec_dot_type)->from_float;
}

const ggml_tensor* find_tensor(const GgufFile& file, const TensorInfo& info) {
  if (!info.instead.empty() && file.tensor(info.instead)) return nullptr;
  const ggml_tensor* t = file.tensor(info.name);
  require_model(t || !info.required, file.path(), ": tensor ", info.name, " is missing");
  if (!t) return nullptr;
  std::vector<int64_t> full = info.ne;
  full.resize(GGML_MAX_DIMS, 1);
  require_model(std::equal(full.begin(), full.end(), t->ne), file.path(), ": ", info.name, " is ",
                shape_text({t->ne, static_cast<size_t>(ggml_n_dims(t))}), ", expected ", shape_text(info.ne));
  require_model(
      type_fits(info.kind, t->type), file.path(), ": ", info.name, " is of type ", ggml_type_name(t->type),
      ", expected ",
      type_fits(info.kind, GGML_TYPE_F16) ? "f32, f16, bf16 or a type that ggml quantises to" : "f32");
  return t;
}

bool is_left_out(const ModelSpec& spec, const std::string& name) {
  for (int i = 0; i < spec.n_nextn; ++i)
    if (name.starts_with(cat("blk.", spec.n_layer + i, "."))) return true;
  return false;
}

void refuse_tensor(const GgufFile& file, const ggml_tensor* tensor) {
  throw Error(cat(file.path(), ": tensor ", tensor->name, " is not part of architecture ",
                  file.text("general.architecture").value_or("?"), " as rouse knows it"),
              ErrorKind::bad_model);
}

void check_tensors(const GgufFile& file, const ModelSpec& spec) {
  std::set<std::string> known;
  const auto check = [&](const std::vector<TensorInfo>& tensors) {
    for (const TensorInfo& info : tensors)
      if (find_tensor(file, info)) known.insert(info.name);
  };
  check(outer_tensors(spec));
  for (int layer = 0; layer < spec.n_layer; ++layer) check(block_tensors(spec, layer));
  for (const ggml_tensor* t : file.tensors())
    if (!known.count(t->name) && !is_left_out(spec, t->name)) refuse_tensor(file, t);
}

const char* tensor_part(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  return has("_norm.weight")                         ? "norms"
         : has("_exps")                              ? "experts"
         : has("_shexp")                             ? "shared experts"
         : has("ffn_gate_inp") || has("exp_probs_b") ? "routers"
         : has("attn_")                              ? "attention"
         : has("ffn_")                               ? "dense feed-forward"
         : has("token_embd")                         ? "embeddings"
         : name.rfind("output.", 0) == 0             ? "head"
                                                     : "other";
}

}  // namespace rouse
