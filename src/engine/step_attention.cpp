/// engine/step_attention.cpp - the attention half of a block: project, rope, store, attend.
#include <algorithm>

#include "engine/step_graph.h"

namespace rouse {

/// All heads' outputs side by side, [n_embd_out, n_row], before the output projection.
ggml_tensor* StepGraph::attention(ggml_tensor* x, int layer) {
  const AttentionSpec& a = model_.spec().attention;
  const LayerWeights& w = model_.layers()[static_cast<size_t>(layer)];
  Heads heads = a.latent.on() ? latent_heads(x, w) : projected_heads(x, w);
  if (temperature_) heads.q = ggml_mul(g_, heads.q, temperature_);
  const auto store = [&](ggml_tensor* cache, ggml_tensor* t) {
    ggml_tensor* rows = ggml_view_2d(g_, t, cache->ne[0], x->ne[1], t->nb[2], 0);
    ggml_build_forward_expand(graph_, ggml_set_rows(g_, cache, rows, cells_));
  };
  store(cache_.k[static_cast<size_t>(layer)], heads.k);
  if (heads.v) store(cache_.v[static_cast<size_t>(layer)], heads.v);

  ggml_tensor* out = nullptr;
  for (size_t i = 0; i < shape_.spans.size(); ++i) {
    const AttentionSpan& span = shape_.spans[i];
    ggml_tensor* q = ggml_view_3d(g_, heads.q, a.n_embd_head, a.n_head, span.n_row, heads.q->nb[1],
                                  heads.q->nb[2], static_cast<size_t>(span.row_begin) * heads.q->nb[2]);
    ggml_tensor* part = attend(q, layer, span, a.windowed(layer) ? window_masks_[i] : masks_[i]);
    out = out ? ggml_concat(g_, out, part, 1) : part;
  }
  if (!w.v_b) return shifted(out, layer);
  // Absorbed: each head takes its value out of the compressed row only now.
  ggml_tensor* rows =
      ggml_permute(g_, ggml_reshape_3d(g_, out, a.n_embd_head_v, a.n_head, out->ne[1]), 0, 2, 1, 3);
  ggml_tensor* values = ggml_mul_mat(g_, w.v_b, rows);  // [value, n_row, n_head]
  out = ggml_reshape_2d(g_, ggml_cont(g_, ggml_permute(g_, values, 0, 2, 1, 3)), a.n_embd_out(), out->ne[1]);
  return shifted(out, layer);
}

/// Rows with a head shift have it added; the others add zeros.
ggml_tensor* StepGraph::shifted(ggml_tensor* heads, int layer) {
  const auto found = std::find(shape_.shift_layers.begin(), shape_.shift_layers.end(), layer);
  if (found == shape_.shift_layers.end()) return heads;
  return ggml_add(
      g_, heads,
      ggml_get_rows(g_, shifts_[static_cast<size_t>(found - shape_.shift_layers.begin())], shift_of_));
}

ggml_tensor* StepGraph::rope(ggml_tensor* t) {
  const RopeSpec& r = model_.spec().rope;
  return ggml_rope_ext(g_, t, positions_, model_.rope_factors(), r.n_rot,
                       r.order == RopeOrder::neox ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL,
                       r.n_ctx_original, r.base, 1.0f, 0.0f, r.magnitude, 0.0f, 0.0f);
}

/// `n` heads of width `width` inside every row of t, from element `first` on: [width, n, n_row].
static ggml_tensor* heads_of(ggml_context* g, ggml_tensor* t, int64_t width, int64_t n, int64_t first) {
  return ggml_view_3d(g, t, width, n, t->ne[1], static_cast<size_t>(width) * sizeof(float), t->nb[1],
                      static_cast<size_t>(first) * sizeof(float));
}

StepGraph::Heads StepGraph::projected_heads(ggml_tensor* x, const LayerWeights& w) {
  const AttentionSpec& a = model_.spec().attention;
  const int64_t hd = a.n_embd_head, n_q = a.n_embd_q(), n_k = a.n_embd_k();
  ggml_tensor *q, *k, *v;  // [n_q, n_row] and so on, or heads of a common row
  if (w.qkv) {
    ggml_tensor* all = ggml_mul_mat(g_, w.qkv, x);
    if (w.qkv_bias) all = ggml_add(g_, all, w.qkv_bias);
    v = heads_of(g_, all, a.n_embd_head_v, a.n_head_kv, n_q + n_k);
    if (a.qk_norm == QkNorm::none) {  // queries and keys turn alike: one node
      ggml_tensor* qk = rope(heads_of(g_, all, hd, a.n_head + a.n_head_kv, 0));
      q = ggml_view_3d(g_, qk, hd, a.n_head, x->ne[1], qk->nb[1], qk->nb[2], 0);
      k = ggml_view_3d(g_, qk, hd, a.n_head_kv, x->ne[1], qk->nb[1], qk->nb[2],
                       static_cast<size_t>(a.n_head) * qk->nb[1]);
      return {q, k, v};
    }
    q = heads_of(g_, all, hd, a.n_head, 0);
    k = heads_of(g_, all, hd, a.n_head_kv, n_q);
  } else {
    const auto project = [&](ggml_tensor* weight, int64_t width, int64_t n_head, int64_t first) {
      ggml_tensor* out = ggml_mul_mat(g_, weight, x);
      if (w.qkv_bias)
        out = ggml_add(g_, out,
                       ggml_view_1d(g_, w.qkv_bias, out->ne[0], static_cast<size_t>(first) * sizeof(float)));
      return heads_of(g_, out, width, n_head, 0);
    };
    q = project(w.q, hd, a.n_head, 0);
    k = project(w.k, hd, a.n_head_kv, n_q);
    v = project(w.v, a.n_embd_head_v, a.n_head_kv, n_q + n_k);
  }
  if (a.norm_after_rope) return {norm(rope(q), w.q_norm), norm(rope(k), w.k_norm), v};
  if (a.qk_norm == QkNorm::head) {
    q = norm(q, w.q_norm);
    k = norm(k, w.k_norm);
  } else if (a.qk_norm == QkNorm::projection) {
    const auto across = [&](ggml_tensor* t, ggml_tensor* weight) {
      ggml_tensor* flat = ggml_view_2d(g_, t, t->ne[0] * t->ne[1], t->ne[2], t->nb[2], 0);
      return ggml_reshape_3d(g_, norm(flat, weight), t->ne[0], t->ne[1], t->ne[2]);
    };
    q = across(q, w.q_norm);
    k = across(k, w.k_norm);
  }
  return {rope(q), rope(k), v};
}

StepGraph::Heads StepGraph::latent_heads(ggml_tensor* x, const LayerWeights& w) {
  const AttentionSpec& a = model_.spec().attention;
  const LatentSpec& l = a.latent;
  const int64_t n_row = x->ne[1], n_key = l.n_embd_nope + l.n_embd_rope, n_head = a.n_head;
  const int64_t n_first = l.n_lora_q > 0 ? l.n_lora_q : n_head * n_key;
  ggml_tensor *query, *row;  // [n_first, n_row], [n_lora_kv + n_embd_rope, n_row]
  if (w.qkv) {
    ggml_tensor* both = ggml_mul_mat(g_, w.qkv, x);
    query = ggml_view_2d(g_, both, n_first, n_row, both->nb[1], 0);
    row = ggml_view_2d(g_, both, l.n_lora_kv + l.n_embd_rope, n_row, both->nb[1],
                       static_cast<size_t>(n_first) * sizeof(float));
  } else {
    query = ggml_mul_mat(g_, w.q, x);
    row = ggml_mul_mat(g_, w.k, x);
  }
  if (w.q_b) query = ggml_mul_mat(g_, w.q_b, norm(query, w.q_a_norm));

  const auto part = [&](ggml_tensor* t, int64_t width, int64_t n, int64_t stride, int64_t first) {
    return ggml_view_3d(g_, t, width, n, n_row, static_cast<size_t>(stride) * sizeof(float), t->nb[1],
                        static_cast<size_t>(first) * sizeof(float));
  };
  ggml_tensor* q_nope = part(query, l.n_embd_nope, n_head, n_key, 0);
  ggml_tensor* q_rope = rope(part(query, l.n_embd_rope, n_head, n_key, l.n_embd_nope));
  ggml_tensor* k_rope = rope(part(row, l.n_embd_rope, 1, l.n_embd_rope, l.n_lora_kv));
  ggml_tensor* latent =
      norm(ggml_view_2d(g_, row, l.n_lora_kv, n_row, row->nb[1], 0), w.kv_a_norm);  // [n_lora_kv, n_row]

  if (l.absorbed) {  // q' W_k c = (W_k^T q') c: the heads' queries move into the compressed space
    ggml_tensor* absorbed = ggml_mul_mat(g_, w.k_b, ggml_permute(g_, q_nope, 0, 2, 1, 3));
    absorbed = ggml_permute(g_, absorbed, 0, 2, 1, 3);  // [n_lora_kv, n_head, n_row]
    return {ggml_concat(g_, absorbed, q_rope, 0),
            ggml_concat(g_, ggml_reshape_3d(g_, latent, l.n_lora_kv, 1, n_row), k_rope, 0), nullptr};
  }
  const int64_t n_both = l.n_embd_nope + l.n_embd_value;
  ggml_tensor* kv = ggml_mul_mat(g_, w.kv_b, latent);  // [n_head * (nope + value), n_row]
  ggml_tensor* k_nope = part(kv, l.n_embd_nope, n_head, n_both, 0);
  ggml_tensor* v = ggml_cont(g_, part(kv, l.n_embd_value, n_head, n_both, l.n_embd_nope));
  k_rope = ggml_repeat_4d(g_, k_rope, l.n_embd_rope, n_head, n_row, 1);
  return {ggml_concat(g_, q_nope, q_rope, 0), ggml_concat(g_, k_nope, k_rope, 0), v};
}

/// q [n_embd_head, n_head, n_row] against the span's cells; returns [n_embd_heads, n_row].
ggml_tensor* StepGraph::attend(ggml_tensor* q, int layer, const AttentionSpan& span, ggml_tensor* mask) {
  const AttentionSpec& a = model_.spec().attention;
  ggml_tensor* sinks = model_.layers()[static_cast<size_t>(layer)].sinks;
  ggml_tensor *k = cache_.k[static_cast<size_t>(layer)], *v = cache_.v[static_cast<size_t>(layer)];
  if (span.n_kv == 0) {
    attention_nodes_.push_back(std::make_unique<AttentionNode>(AttentionNode{
        &attention_cells_, span.row_begin, a.scale, a.n_embd_head_v, a.windowed(layer) ? a.window : 0}));
    ggml_tensor* sources[] = {q, k, v, sinks};
    return ggml_custom_4d(g_, GGML_TYPE_F32, a.n_embd_heads(), span.n_row, 1, 1, sources, sinks ? 4 : 3,
                          attention_node, GGML_N_TASKS_MAX, attention_nodes_.back().get());
  }
  const auto window = [&](ggml_tensor* cache, int width) {  // [width, n_kv, n_head_kv]
    return ggml_view_3d(g_, cache, width, span.n_kv, a.n_head_kv, cache->nb[1],
                        ggml_row_size(cache->type, width), static_cast<size_t>(span.kv_begin) * cache->nb[1]);
  };
  k = window(k, a.n_embd_head);
  v = window(v, a.n_embd_head_v);
  q = ggml_permute(g_, q, 0, 2, 1, 3);  // [n_embd_head, n_row, n_head]
  ggml_tensor* out;
  if (flash_attention_) {
    out = ggml_flash_attn_ext(g_, q, k, v, mask, a.scale, 0.0f, 0.0f);  // [n_embd_head_v, n_head, n_row]
    if (sinks) ggml_flash_attn_ext_add_sinks(out, sinks);
    ggml_prec_set_acc(out, GGML_PREC_F32);
  } else {
    ggml_tensor* p =
        ggml_soft_max_ext(g_, ggml_mul_mat(g_, k, q), mask, a.scale, 0.0f);  // [n_kv, n_row, n_head]
    if (sinks) ggml_soft_max_add_sinks(p, sinks);
    ggml_tensor* vt = ggml_cont(g_, ggml_transpose(g_, v));  // [n_kv, n_embd_head_v, n_head_kv]
    out = ggml_cont(g_, ggml_permute(g_, ggml_mul_mat(g_, vt, p), 0, 2, 1, 3));
  }
  return ggml_reshape_2d(g_, out, a.n_embd_heads(), span.n_row);
}

}  // namespace rouse
