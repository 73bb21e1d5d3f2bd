/// engine/step_experts.cpp - the feed-forward half of a block: dense, or the chosen experts and the shared
/// ones.
#include "engine/step_graph.h"

namespace rouse {

/// A CPU multiplies an expert's matrix row by row of its batch, so many rows stream it from memory again and
/// again when it exceeds the cache: past this size gate and up are two products again, though they lie
/// stacked.
static constexpr size_t kSplitBytes = 12u << 20;
static constexpr int kSplitRows = 32;

/// up null: gate holds both.
ggml_tensor* StepGraph::activate(ggml_tensor* gate, ggml_tensor* up) {
  if (model_.spec().activation == Activation::swiglu_oai)
    return ggml_swiglu_oai(g_, gate, up, 1.702f, 7.0f);  // the constants of GPT-OSS's published code
  return up ? ggml_swiglu_split(g_, gate, up) : ggml_swiglu(g_, gate);
}

ggml_tensor* StepGraph::dense_ffn(ggml_tensor* x, const Gated& w) {
  ggml_tensor* act = w.both ? activate(ggml_mul_mat(g_, w.both, x), nullptr)
                            : activate(ggml_mul_mat(g_, w.gate, x), ggml_mul_mat(g_, w.up, x));
  return ggml_mul_mat(g_, w.down, act);
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
  route.model_bias = w.selection_bias;
  route.keep_logits = tap_routing_;
  size_t n_pair = 0;
  for (const RouteInput& in : *inputs) n_pair += static_cast<size_t>(in.policy->choice().max_count(layer));
  route.ids.resize(n_pair);
  route.weights.resize(n_pair);
  route.pair_begin.resize(inputs->size());
  route.n_pair.resize(inputs->size());
  route.unsound.resize(inputs->size());
  if (tap_routing_) route.logits.resize(inputs->size() * static_cast<size_t>(model_.spec().router.n_expert));

  ggml_tensor* logits = ggml_mul_mat(g_, w.router, x);  // [n_expert, n_row]
  ggml_prec_set_acc(logits, GGML_PREC_F32);
  if (w.router_bias) logits = ggml_add(g_, logits, w.router_bias);
  std::vector<ggml_tensor*> sources{residual};
  for (size_t p = 0; p < route.pieces.size(); ++p) sources.push_back(expert_product(x, logits, route, p, w));
  if (w.shared.down) {
    ggml_tensor* shared = dense_ffn(x, w.shared);
    if (w.shared_gate) shared = ggml_mul(g_, shared, ggml_sigmoid(g_, ggml_mul_mat(g_, w.shared_gate, x)));
    sources.push_back(shared);
  }
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
  const auto narrow = [&](ggml_tensor* t, int dim) {
    if (piece.ragged) piece.narrow.push_back(t), piece.narrow_dim.push_back(dim);
    return t;
  };
  const auto product = [&](ggml_tensor* weight, ggml_tensor* bias, ggml_tensor* in) {  // [.., count, n_row]
    ggml_tensor* out = narrow(ggml_mul_mat_id(g_, weight, in, ids), 2);
    if (!bias) return out;
    bias = ggml_reshape_2d(g_, bias, out->ne[0], ggml_nelements(bias) / out->ne[0]);
    return narrow(ggml_add_id(g_, out, bias, ids), 2);
  };
  const Gated& e = w.experts;
  ggml_tensor *gate = e.gate, *up = e.up, *gate_bias = w.gate_bias, *up_bias = w.up_bias;
  if (e.both && e.both->nb[2] > kSplitBytes && piece.n_row >= kSplitRows && !w.gate_up_bias) {
    const int64_t n_ff = e.both->ne[1] / 2;
    const auto half = [&](int64_t first) {
      return ggml_view_3d(g_, e.both, e.both->ne[0], n_ff, e.both->ne[2], e.both->nb[1], e.both->nb[2],
                          static_cast<size_t>(first) * e.both->nb[1]);
    };
    gate = half(0), up = half(n_ff);
  }
  ggml_tensor* act = gate ? activate(product(gate, gate_bias, rows), product(up, up_bias, rows))
                          : activate(product(e.both, w.gate_up_bias, rows), nullptr);
  return product(e.down, w.down_bias, narrow(act, 2));
}

}  // namespace rouse
