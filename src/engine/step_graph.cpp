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
  const auto n_node = static_cast<size_t>(model.spec().n_layer) * (96 + 24 * shape.spans.size()) + 64;
  context_.reset(ggml_init(
      {ggml_tensor_overhead() * n_node + ggml_graph_overhead_custom(n_node, false), nullptr, true}));
  g_ = context_.get();
  graph_ = ggml_new_graph_custom(g_, n_node, false);
  scheduler_ = model.devices().scheduler(n_node);
  build();
  model.devices().allocate(scheduler_.get(), graph_, cat("a step of ", shape.n_row, " rows"));
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

ggml_tensor* StepGraph::scale(ggml_tensor* x, float factor) {
  return factor == 1.0f ? x : ggml_scale(g_, x, factor);
}

void StepGraph::keep(std::vector<ggml_tensor*>& list, ggml_tensor* t) {
  ggml_set_output(t);
  ggml_build_forward_expand(graph_, t);
  list.push_back(t);
}

void StepGraph::build() {
  const ModelSpec& spec = model_.spec();
  tokens_ = input(GGML_TYPE_I32, shape_.n_row, 1, "tokens");
  positions_ = input(GGML_TYPE_I32, shape_.n_row, 1, "positions");
  cells_ = input(GGML_TYPE_I64, shape_.n_row, 1, "cells");
  if (spec.attention.temperature != 0) {
    temperature_ = ggml_new_tensor_3d(g_, GGML_TYPE_F32, 1, 1, shape_.n_row);
    ggml_set_input(temperature_);
    ggml_set_name(temperature_, "temperature");
  }
  for (const AttentionSpan& span : shape_.spans) {
    masks_.push_back(span.n_kv ? input(GGML_TYPE_F16, span.n_kv, span.n_row, "mask") : nullptr);
    const bool window = span.n_kv && spec.attention.window > 0;
    window_masks_.push_back(window ? input(GGML_TYPE_F16, span.n_kv, span.n_row, "window mask") : nullptr);
  }
  if (shape_.n_shift > 0) {
    shift_of_ = input(GGML_TYPE_I32, shape_.n_row, 1, "shift of row");
    for (size_t i = 0; i < shape_.shift_layers.size(); ++i)
      shifts_.push_back(input(GGML_TYPE_F32, spec.attention.n_embd_out(), shape_.n_shift + 1, "shifts"));
  }
  if (shape_.n_output() > 0) outputs_ = input(GGML_TYPE_I32, shape_.n_output(), 1, "outputs");

  const bool from_tokens = shape_.first_layer < 0;
  if (!from_tokens) entry_ = input(GGML_TYPE_F32, spec.n_embd, shape_.n_row, "entry");
  ggml_tensor* x =  // [n_embd, n_row]
      from_tokens ? scale(ggml_get_rows(g_, model_.token_embd(), tokens_), spec.embedding_scale) : entry_;
  for (int layer = std::max(0, shape_.first_layer); layer < spec.n_layer; ++layer) {
    const LayerWeights& w = model_.layers()[static_cast<size_t>(layer)];
    const bool outputs_wanted = shape_.n_output() > 0;
    if (outputs_wanted && std::count(shape_.exits.begin(), shape_.exits.end(), layer))
      keep(exits_, ggml_get_rows(g_, x, outputs_));
    const bool last = layer == spec.n_layer - 1 && !shape_.all_rows_to_end;
    ggml_tensor* y = layer == shape_.first_layer ? nullptr : attention(norm(x, w.attn_norm), layer);
    if (shape_.heads && outputs_wanted) keep(heads_, ggml_get_rows(g_, y, outputs_));
    if (last) {  // the keys and values are stored; from here on only rows with an output matter
      if (shape_.n_output() == 0) return;
      if (y) y = ggml_get_rows(g_, y, outputs_);
      x = ggml_get_rows(g_, x, outputs_);
    }
    if (y) {
      y = ggml_mul_mat(g_, w.o, y);
      if (w.o_bias) y = ggml_add(g_, y, w.o_bias);
      x = ggml_add(g_, scale(y, spec.residual_scale), x);
    }
    if (std::count(shape_.ffn_layers.begin(), shape_.ffn_layers.end(), layer)) {
      keep(ffn_inputs_, x);
    }
    ggml_tensor* h = norm(x, w.ffn_norm);
    x = spec.moe_layer(layer) ? moe_ffn(h, x, layer, last)
                              : ggml_add(g_, scale(dense_ffn(h, w.dense), spec.residual_scale), x);
    ggml_build_forward_expand(graph_, x);
  }
  if (shape_.n_output() == 0) return;
  if (shape_.all_rows_to_end) x = ggml_get_rows(g_, x, outputs_);
  if (std::count(shape_.exits.begin(), shape_.exits.end(), spec.n_layer)) keep(exits_, x);
  // Logits are linear in this row, so a logit scale belongs here: single columns of the head have it too.
  hidden_ = scale(norm(x, model_.output_norm()), spec.logit_scale);  // [n_embd, n_output]
  ggml_set_output(hidden_);
  ggml_build_forward_expand(graph_, hidden_);
  if (shape_.n_logits == 0) return;
  ggml_tensor* rows = ggml_view_2d(g_, hidden_, spec.n_embd, shape_.n_logits, hidden_->nb[1], 0);
  logits_ = ggml_mul_mat(g_, model_.output(), rows);  // [n_vocab, n_logits]
  ggml_set_output(logits_);
  ggml_build_forward_expand(graph_, logits_);
}

/// window: rows see only their last so many positions; 0: all.
void StepGraph::fill_masks(const StepInput& in, const std::vector<ggml_tensor*>& masks, int window) {
  const ggml_fp16_t visible = ggml_fp32_to_fp16(0.0f), hidden = ggml_fp32_to_fp16(-INFINITY);
  for (size_t i = 0; i < shape_.spans.size(); ++i) {
    const AttentionSpan& span = shape_.spans[i];
    if (!masks[i] || !masks[i]->buffer) continue;  // no mask, or nobody attends (one block, no output)
    mask_scratch_.assign(static_cast<size_t>(span.n_kv) * static_cast<size_t>(span.n_row), hidden);
    for (int r = 0; r < span.n_row; ++r) {
      const auto row = static_cast<size_t>(span.row_begin + r);
      // Along the sequence's own cells: far fewer than all cells of the window.
      const std::vector<int>& held = cache_.cells.cells(in.sequences[row]);
      ggml_fp16_t* out = mask_scratch_.data() + static_cast<size_t>(r) * static_cast<size_t>(span.n_kv);
      const int last = in.positions[row], first = window > 0 ? std::max(0, last + 1 - window) : 0;
      for (int p = first; p <= last; ++p) out[held[static_cast<size_t>(p)] - span.kv_begin] = visible;
    }
    ggml_backend_tensor_set(masks[i], mask_scratch_.data(), 0, mask_scratch_.size() * sizeof(ggml_fp16_t));
  }
}

void StepGraph::perturb(const StepInput& in) {
  const ModelSpec& spec = model_.spec();
  const auto n_embd = static_cast<size_t>(spec.n_embd);
  for (auto& layer : route_layers_) {
    const bool here = layer->layer == in.perturbation.layer;
    layer->output_scale = spec.residual_scale * (here ? in.perturbation.scale : 1.0f);
    layer->noise.clear();
    if (!here || in.perturbation.noise.empty()) continue;
    const bool outputs_only = layer->rows == &output_routes_;
    for (size_t i = 0; i < layer->rows->size(); ++i) {
      const size_t row = outputs_only ? static_cast<size_t>(in.outputs[i]) : i;
      layer->noise.push_back(in.perturbation.noise.data() + row * n_embd);
    }
  }
}

void StepGraph::fill_shifts(const StepInput& in) {
  const auto width = static_cast<size_t>(model_.spec().attention.n_embd_out());
  for (size_t i = 0; i < shifts_.size(); ++i) {
    if (!shifts_[i]->buffer) continue;  // the last block, where no row has an output
    std::vector<float> table(width * static_cast<size_t>(shape_.n_shift + 1));
    for (size_t s = 0; s < in.shifts.size(); ++s) {
      const std::vector<float>& row = (*in.shifts[s])[static_cast<size_t>(shape_.shift_layers[i])];
      std::copy(row.begin(), row.end(), table.begin() + static_cast<std::ptrdiff_t>(s * width));
    }
    ggml_backend_tensor_set(shifts_[i], table.data(), 0, table.size() * sizeof(float));
  }
}

void StepGraph::fill_temperature(const StepInput& in) {
  if (!temperature_ || !temperature_->buffer) return;
  const AttentionSpec& a = model_.spec().attention;
  std::vector<float> factors;
  for (const int32_t p : in.positions)
    factors.push_back(1.0f + a.temperature * std::log(1.0f + static_cast<float>(p / a.temperature_length)));
  ggml_backend_tensor_set(temperature_, factors.data(), 0, factors.size() * sizeof(float));
}

void StepGraph::run(const StepInput& in) {
  // Every input, every time: the allocator reuses their memory for later nodes.
  const auto set = [](ggml_tensor* t, const void* data) {
    if (t && t->buffer) ggml_backend_tensor_set(t, data, 0, ggml_nbytes(t));  // else nothing reads it
  };
  set(entry_, in.hidden.data());
  set(tokens_, in.tokens.data());
  set(positions_, in.positions.data());
  set(cells_, in.cells.data());
  set(outputs_, in.outputs.data());
  set(shift_of_, in.shift_of.data());
  fill_masks(in, masks_, 0);
  fill_masks(in, window_masks_, model_.spec().attention.window);
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
  perturb(in);
  fill_shifts(in);
  fill_temperature(in);
  model_.devices().compute(scheduler_.get(), graph_, "a step");
}

void StepGraph::read_logits(std::span<float> out) const {
  ggml_backend_tensor_get(logits_, out.data(), 0, out.size_bytes());
}
void StepGraph::read_hidden(std::span<float> out) const {
  ggml_backend_tensor_get(hidden_, out.data(), 0, out.size_bytes());
}
void StepGraph::read_ffn_input(size_t i, std::span<float> out) const {
  ggml_backend_tensor_get(ffn_inputs_[i], out.data(), 0, out.size_bytes());
}
void StepGraph::read_exit(size_t i, std::span<float> out) const {
  ggml_backend_tensor_get(exits_[i], out.data(), 0, out.size_bytes());
}
void StepGraph::read_heads(size_t block, std::span<float> out) const {
  ggml_backend_tensor_get(heads_[block], out.data(), 0, out.size_bytes());
}

}  // namespace rouse
