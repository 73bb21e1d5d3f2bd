/// engine/step_graph.cpp - a step from token to logits: follow build() from top to bottom.
#include "engine/step_graph.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace rouse {

StepGraph::StepGraph(const Model& model, KvCache& cache, const StepShape& shape,
                     const std::vector<RouteInput>& routes, bool tap_routing, bool flash_attention)
    : model_(model),
      cache_(cache),
      shape_(shape),
      tap_routing_(tap_routing),
      flash_attention_(flash_attention),
      routes_(routes),
      output_routes_(static_cast<size_t>(shape.n_output())) {
  const auto n_node = static_cast<size_t>(model.spec().n_layer) * (64 + 24 * shape.spans.size()) + 64;
  context_.reset(ggml_init(
      {ggml_tensor_overhead() * n_node + ggml_graph_overhead_custom(n_node, false), nullptr, true}));
  g_ = context_.get();
  graph_ = ggml_new_graph_custom(g_, n_node, false);
  const auto& backends = model.devices().backends();
  scheduler_.reset(ggml_backend_sched_new(const_cast<ggml_backend_t*>(backends.data()), nullptr,
                                          static_cast<int>(backends.size()), n_node, false, true));
  build();
  require(ggml_backend_sched_alloc_graph(scheduler_.get(), graph_), "not enough memory for a step of ",
          shape.n_row, " rows");
}

ggml_tensor* StepGraph::input(ggml_type type, int64_t ne0, int64_t ne1, const char* name) {
  ggml_tensor* t = ggml_new_tensor_2d(g_, type, ne0, ne1);
  ggml_set_input(t);
  ggml_set_name(t, name);
  return t;
}

ggml_tensor* StepGraph::norm(ggml_tensor* x, ggml_tensor* weight) {
  return ggml_mul(g_, ggml_rms_norm(g_, x, model_.spec().norm_eps), weight);
}

void StepGraph::build() {
  const ModelSpec& spec = model_.spec();
  tokens_ = input(GGML_TYPE_I32, shape_.n_row, 1, "tokens");
  positions_ = input(GGML_TYPE_I32, shape_.n_row, 1, "positions");
  cells_ = input(GGML_TYPE_I64, shape_.n_row, 1, "cells");
  for (const AttentionSpan& span : shape_.spans)
    masks_.push_back(span.n_kv ? input(GGML_TYPE_F16, span.n_kv, span.n_row, "mask") : nullptr);
  if (shape_.n_output() > 0) outputs_ = input(GGML_TYPE_I32, shape_.n_output(), 1, "outputs");

  ggml_tensor* x = ggml_get_rows(g_, model_.token_embd(), tokens_);  // [n_embd, n_row]
  for (int layer = 0; layer < spec.n_layer; ++layer) {
    const LayerWeights& w = model_.layers()[static_cast<size_t>(layer)];
    const bool last = layer == spec.n_layer - 1 && !shape_.all_rows_to_end;
    ggml_tensor* y = attention(norm(x, w.attn_norm), layer);
    if (last) {  // the keys and values are stored; from here on only rows with an output matter
      if (shape_.n_output() == 0) return;
      y = ggml_get_rows(g_, y, outputs_);
      x = ggml_get_rows(g_, x, outputs_);
    }
    y = ggml_mul_mat(g_, w.o, y);
    if (w.o_bias) y = ggml_add(g_, y, w.o_bias);
    x = ggml_add(g_, y, x);
    ggml_tensor* h = norm(x, w.ffn_norm);
    x = spec.moe_layer(layer) ? moe_ffn(h, x, layer, last)
                              : ggml_add(g_, dense_ffn(h, w.gate_up, w.gate, w.up, w.down), x);
    if (std::count(shape_.hidden_layers.begin(), shape_.hidden_layers.end(), layer)) {
      ggml_set_output(x);
      layer_hidden_.push_back(x);
    }
    ggml_build_forward_expand(graph_, x);
  }
  if (shape_.n_output() == 0) return;
  if (shape_.all_rows_to_end) x = ggml_get_rows(g_, x, outputs_);
  hidden_ = norm(x, model_.output_norm());  // [n_embd, n_output]
  ggml_set_output(hidden_);
  ggml_build_forward_expand(graph_, hidden_);
  if (shape_.n_logits == 0) return;
  ggml_tensor* rows = ggml_view_2d(g_, hidden_, spec.n_embd, shape_.n_logits, hidden_->nb[1], 0);
  logits_ = ggml_mul_mat(g_, model_.output(), rows);  // [n_vocab, n_logits]
  ggml_set_output(logits_);
  ggml_build_forward_expand(graph_, logits_);
}

/// The heads' outputs side by side, [n_head * n_embd_head, n_row], before the output projection.
ggml_tensor* StepGraph::attention(ggml_tensor* x, int layer) {
  const auto& a = model_.spec().attention;
  const LayerWeights& w = model_.layers()[static_cast<size_t>(layer)];
  const RopeSpec& r = model_.spec().rope;
  const int64_t n_row = x->ne[1], hd = a.n_embd_head;
  const auto rope = [&](ggml_tensor* t) {
    return ggml_rope_ext(g_, t, positions_, model_.rope_factors(), r.n_rot,
                         r.order == RopeOrder::neox ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL,
                         r.n_ctx_orig, r.base, r.freq_scale, r.ext_factor, r.attn_factor, r.beta_fast,
                         r.beta_slow);
  };
  const auto with_bias = [&](ggml_tensor* t, ggml_tensor* bias) {
    return bias ? ggml_add(g_, t, ggml_reshape_3d(g_, bias, hd, bias->ne[0] / hd, 1)) : t;
  };
  const auto view3 = [&](ggml_tensor* t, int64_t first, int64_t n_head) {
    return ggml_view_3d(g_, t, hd, n_head, n_row, static_cast<size_t>(hd) * sizeof(float), t->nb[1],
                        static_cast<size_t>(first * hd) * sizeof(float));
  };
  ggml_tensor *q, *k, *v;
  if (w.qkv && !w.q_bias && !w.k_bias) {
    ggml_tensor* qkv = ggml_mul_mat(g_, w.qkv, x);
    ggml_tensor* qk = rope(view3(qkv, 0, a.n_head + a.n_head_kv));  // queries and keys turn alike: one node
    q = ggml_view_3d(g_, qk, hd, a.n_head, n_row, qk->nb[1], qk->nb[2], 0);
    k = ggml_view_3d(g_, qk, hd, a.n_head_kv, n_row, qk->nb[1], qk->nb[2],
                     static_cast<size_t>(a.n_head) * qk->nb[1]);
    v = with_bias(view3(qkv, a.n_head + a.n_head_kv, a.n_head_kv), w.v_bias);
  } else {
    ggml_tensor* qkv = w.qkv ? ggml_mul_mat(g_, w.qkv, x) : nullptr;
    q = qkv ? view3(qkv, 0, a.n_head) : view3(ggml_mul_mat(g_, w.q, x), 0, a.n_head);
    k = qkv ? view3(qkv, a.n_head, a.n_head_kv) : view3(ggml_mul_mat(g_, w.k, x), 0, a.n_head_kv);
    v = qkv ? view3(qkv, a.n_head + a.n_head_kv, a.n_head_kv)
            : view3(ggml_mul_mat(g_, w.v, x), 0, a.n_head_kv);
    q = rope(with_bias(q, w.q_bias));
    k = rope(with_bias(k, w.k_bias));
    v = with_bias(v, w.v_bias);
  }
  const auto store = [&](ggml_tensor* cache, ggml_tensor* t) {
    ggml_tensor* rows = ggml_view_2d(g_, t, a.n_embd_kv(), n_row, t->nb[2], 0);
    ggml_build_forward_expand(graph_, ggml_set_rows(g_, cache, rows, cells_));
  };
  store(cache_.k[static_cast<size_t>(layer)], k);
  store(cache_.v[static_cast<size_t>(layer)], v);

  ggml_tensor* out = nullptr;
  for (size_t i = 0; i < shape_.spans.size(); ++i) {
    const AttentionSpan& span = shape_.spans[i];
    ggml_tensor* part = ggml_view_3d(g_, q, hd, a.n_head, span.n_row, q->nb[1], q->nb[2],
                                     static_cast<size_t>(span.row_begin) * q->nb[2]);
    part = attend(part, layer, span, masks_[i]);
    out = out ? ggml_concat(g_, out, part, 1) : part;
  }
  return out;
}

/// q [hd, n_head, n_row] against the span's cells; returns [n_head * hd, n_row].
ggml_tensor* StepGraph::attend(ggml_tensor* q, int layer, const AttentionSpan& span, ggml_tensor* mask) {
  const auto& a = model_.spec().attention;
  if (!mask) {
    attention_nodes_.push_back(
        std::make_unique<AttentionNode>(AttentionNode{&attention_cells_, span.row_begin, a.scale}));
    ggml_tensor* sources[] = {q, cache_.k[static_cast<size_t>(layer)], cache_.v[static_cast<size_t>(layer)]};
    return ggml_custom_4d(g_, GGML_TYPE_F32, a.n_embd_q(), span.n_row, 1, 1, sources, 3, attention_node,
                          GGML_N_TASKS_MAX, attention_nodes_.back().get());
  }
  const auto window = [&](ggml_tensor* cache) {  // [hd, n_kv, n_head_kv]
    return ggml_view_3d(g_, cache, a.n_embd_head, span.n_kv, a.n_head_kv, cache->nb[1],
                        ggml_row_size(cache->type, a.n_embd_head),
                        static_cast<size_t>(span.kv_begin) * cache->nb[1]);
  };
  ggml_tensor* k = window(cache_.k[static_cast<size_t>(layer)]);
  ggml_tensor* v = window(cache_.v[static_cast<size_t>(layer)]);
  q = ggml_permute(g_, q, 0, 2, 1, 3);  // [hd, n_row, n_head]
  ggml_tensor* out;
  if (flash_attention_) {
    out = ggml_flash_attn_ext(g_, q, k, v, mask, a.scale, 0.0f, 0.0f);  // [hd, n_head, n_row]
    ggml_prec_set_acc(out, GGML_PREC_F32);
  } else {
    ggml_tensor* p =
        ggml_soft_max_ext(g_, ggml_mul_mat(g_, k, q), mask, a.scale, 0.0f);  // [n_kv, n_row, n_head]
    ggml_tensor* vt = ggml_cont(g_, ggml_transpose(g_, v));                  // [n_kv, hd, n_head_kv]
    out = ggml_cont(g_, ggml_permute(g_, ggml_mul_mat(g_, vt, p), 0, 2, 1, 3));
  }
  return ggml_reshape_2d(g_, out, a.n_embd_q(), span.n_row);
}

ggml_tensor* StepGraph::dense_ffn(ggml_tensor* x, ggml_tensor* gate_up, ggml_tensor* gate, ggml_tensor* up,
                                  ggml_tensor* down) {
  ggml_tensor* act = gate_up ? ggml_swiglu(g_, ggml_mul_mat(g_, gate_up, x))
                             : ggml_swiglu_split(g_, ggml_mul_mat(g_, gate, x), ggml_mul_mat(g_, up, x));
  return ggml_mul_mat(g_, down, act);
}

/// residual + the chosen experts' weighted sum + the shared experts.
ggml_tensor* StepGraph::moe_ffn(ggml_tensor* x, ggml_tensor* residual, int layer, bool last) {
  const LayerWeights& w = model_.layers()[static_cast<size_t>(layer)];
  route_layers_.push_back(std::make_unique<RouteLayer>());
  RouteLayer& route = *route_layers_.back();
  const std::vector<RouteInput>* inputs = &routes_;
  if (last) {
    // Only the shapes matter while building; run() fills the rest.
    for (size_t i = 0; i < output_routes_.size(); ++i)
      for (size_t r = 0; r < routes_.size(); ++r)
        if (routes_[r].policy->shape() == shape_.output_shapes[i]) output_routes_[i] = routes_[r];
    inputs = &output_routes_;
  }
  route.layer = layer;
  route.rows = inputs;
  route.pieces = route_pieces(*inputs, layer);
  route.model_bias = w.router_bias;
  route.keep_logits = tap_routing_;
  size_t n_pair = 0;
  for (const RouteInput& in : *inputs) n_pair += static_cast<size_t>(in.policy->choice().max_count(layer));
  route.ids.resize(n_pair);
  route.weights.resize(n_pair);
  route.pair_begin.resize(inputs->size());
  route.n_pair.resize(inputs->size());
  if (tap_routing_) route.logits.resize(inputs->size() * static_cast<size_t>(model_.spec().router.n_expert));

  ggml_tensor* logits = ggml_mul_mat(g_, w.router, x);  // [n_expert, n_row]
  ggml_prec_set_acc(logits, GGML_PREC_F32);
  std::vector<ggml_tensor*> sources{residual};
  for (size_t p = 0; p < route.pieces.size(); ++p) sources.push_back(expert_product(x, logits, route, p, w));
  if (w.down_shexp) sources.push_back(dense_ffn(x, w.gate_up_shexp, w.gate_shexp, w.up_shexp, w.down_shexp));
  return ggml_custom_4d(g_, GGML_TYPE_F32, x->ne[0], x->ne[1], 1, 1, sources.data(),
                        static_cast<int>(sources.size()), combine_node, GGML_N_TASKS_MAX, &route);
}

/// FFN_e(x) of every pair of a piece: [n_embd, pairs], contiguous.
ggml_tensor* StepGraph::expert_product(ggml_tensor* x, ggml_tensor* logits, RouteLayer& route, size_t index,
                                       const LayerWeights& w) {
  RoutePiece& piece = route.pieces[index];
  route_nodes_.push_back(std::make_unique<RouteNode>(RouteNode{&route, index}));
  const int64_t n_embd = x->ne[0];
  const int64_t ne0 = piece.grid ? piece.count : piece.capacity, ne1 = piece.grid ? piece.n_row : 2;
  const int n_task = piece.grid && piece.n_row >= 32 ? GGML_N_TASKS_MAX : 1;
  ggml_tensor* chosen = ggml_custom_4d(g_, GGML_TYPE_I32, ne0, ne1, 1, 1, &logits, 1, route_node, n_task,
                                       route_nodes_.back().get());
  ggml_tensor *ids = chosen, *rows = nullptr;
  if (piece.grid) {
    rows = ggml_view_3d(g_, x, n_embd, 1, piece.n_row, x->nb[1], x->nb[1],
                        static_cast<size_t>(piece.row_begin) * x->nb[1]);
  } else {
    ids = ggml_view_2d(g_, chosen, 1, piece.capacity, sizeof(int32_t), 0);
    ggml_tensor* row_of_pair = ggml_view_1d(g_, chosen, piece.capacity, chosen->nb[1]);
    ggml_tensor* gathered = ggml_get_rows(g_, x, row_of_pair);  // [n_embd, capacity]
    rows = ggml_view_3d(g_, gathered, n_embd, 1, piece.capacity, gathered->nb[1], gathered->nb[1], 0);
    if (piece.ragged) {
      piece.narrow = {ids, row_of_pair, gathered, rows};
      piece.narrow_dim = {1, 0, 1, 2};
    }
  }
  const auto product = [&](ggml_tensor* weight, ggml_tensor* in) {
    ggml_tensor* out = ggml_mul_mat_id(g_, weight, in, ids);  // [.., count, n_row]
    if (piece.ragged) piece.narrow.push_back(out), piece.narrow_dim.push_back(2);
    return out;
  };
  ggml_tensor* act = w.gate_up_exps
                         ? ggml_swiglu(g_, product(w.gate_up_exps, rows))
                         : ggml_swiglu_split(g_, product(w.gate_exps, rows), product(w.up_exps, rows));
  if (piece.ragged) piece.narrow.push_back(act), piece.narrow_dim.push_back(2);
  return product(w.down_exps, act);
}

void StepGraph::fill_masks(const StepInput& in) {
  const ggml_fp16_t visible = ggml_fp32_to_fp16(0.0f), hidden = ggml_fp32_to_fp16(-INFINITY);
  for (size_t i = 0; i < shape_.spans.size(); ++i) {
    const AttentionSpan& span = shape_.spans[i];
    if (!masks_[i] || !masks_[i]->buffer) continue;  // no mask, or nobody attends (one block, no output)
    mask_scratch_.assign(static_cast<size_t>(span.n_kv) * static_cast<size_t>(span.n_row), hidden);
    for (int r = 0; r < span.n_row; ++r) {
      const auto row = static_cast<size_t>(span.row_begin + r);
      // Along the sequence's own cells: far fewer than all cells of the window.
      const std::vector<int>& held = cache_.cells.cells(in.sequences[row]);
      ggml_fp16_t* out = mask_scratch_.data() + static_cast<size_t>(r) * static_cast<size_t>(span.n_kv);
      for (int p = 0; p <= in.positions[row]; ++p)
        out[held[static_cast<size_t>(p)] - span.kv_begin] = visible;
    }
    ggml_backend_tensor_set(masks_[i], mask_scratch_.data(), 0, mask_scratch_.size() * sizeof(ggml_fp16_t));
  }
}

void StepGraph::run(const StepInput& in) {
  // Every input, every time: the allocator reuses their memory for later nodes.
  const auto set = [](ggml_tensor* t, const void* data) {
    ggml_backend_tensor_set(t, data, 0, ggml_nbytes(t));
  };
  set(tokens_, in.tokens.data());
  set(positions_, in.positions.data());
  set(cells_, in.cells.data());
  if (outputs_) set(outputs_, in.outputs.data());
  fill_masks(in);
  attention_cells_.rows.clear();
  if (!shape_.spans.empty() && shape_.spans[0].n_kv == 0)
    for (size_t row = 0; row < in.sequences.size(); ++row) {
      const auto& held = cache_.cells.cells(in.sequences[row]);
      attention_cells_.rows.push_back(std::span(held).first(static_cast<size_t>(in.positions[row]) + 1));
    }
  routes_ = in.routes;
  for (size_t i = 0; i < output_routes_.size(); ++i)
    output_routes_[i] = in.routes[static_cast<size_t>(in.outputs[i])];
  for (auto& layer : route_layers_)
    for (RoutePiece& piece : layer->pieces)  // back to full extents: plans and work buffers are sized by them
      for (size_t i = 0; i < piece.narrow.size(); ++i)
        piece.narrow[i]->ne[piece.narrow_dim[i]] = piece.capacity;
  const ggml_status status = ggml_backend_sched_graph_compute(scheduler_.get(), graph_);
  require(status == GGML_STATUS_SUCCESS, "the backend failed: ", ggml_status_to_string(status));
}

void StepGraph::read_logits(std::span<float> out) const {
  ggml_backend_tensor_get(logits_, out.data(), 0, out.size_bytes());
}
void StepGraph::read_hidden(std::span<float> out) const {
  ggml_backend_tensor_get(hidden_, out.data(), 0, out.size_bytes());
}
void StepGraph::read_layer_hidden(size_t i, std::span<float> out) const {
  ggml_backend_tensor_get(layer_hidden_[i], out.data(), 0, out.size_bytes());
}

}  // namespace rouse
