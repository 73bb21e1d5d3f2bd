#include "engine/head.h"

#include <cmath>

#include "base/error.h"
#include "base/statistics.h"

namespace rouse {

/// Past this share of the vocabulary the whole head on all threads is faster than single columns on one.
static constexpr size_t kColumnShare = 64;
/// Rows that run together; more come in pieces, so that few graphs are kept.
static constexpr size_t kMaxRows = 32;

void Head::logits(std::span<const float> rows, std::span<const int> tokens, std::span<float> out) {
  compute(rows, tokens, out);
  if (const size_t at = first_unsound(out); at < out.size()) {
    const size_t n = tokens.empty() ? static_cast<size_t>(model_.spec().n_vocab) : tokens.size();
    throw Error(cat("the logit of token ", tokens.empty() ? static_cast<int>(at % n) : tokens[at % n], " is ",
                    out[at]));
  }
}

void Head::compute(std::span<const float> rows, std::span<const int> tokens, std::span<float> out) {
  const auto n_embd = static_cast<size_t>(model_.spec().n_embd),
             n_vocab = static_cast<size_t>(model_.spec().n_vocab);
  const size_t n_row = rows.size() / n_embd;
  if (tokens.empty()) {
    for (size_t r = 0; r < n_row; r += kMaxRows) {
      const size_t n = std::min(kMaxRows, n_row - r);
      all(rows.subspan(r * n_embd, n * n_embd), out.subspan(r * n_vocab, n * n_vocab));
    }
    return;
  }
  if (tokens.size() * kColumnShare <= n_vocab) {
    for (size_t r = 0; r < n_row; ++r)
      model_.head_columns(rows.subspan(r * n_embd, n_embd), tokens,
                          out.subspan(r * tokens.size(), tokens.size()));
    return;
  }
  std::vector<float> whole(n_row * n_vocab);
  compute(rows, {}, whole);
  for (size_t r = 0; r < n_row; ++r)
    for (size_t i = 0; i < tokens.size(); ++i)
      out[r * tokens.size() + i] = whole[r * n_vocab + static_cast<size_t>(tokens[i])];
}

void Head::norm(std::span<float> rows) const {
  const ModelSpec& spec = model_.spec();
  const auto n_embd = static_cast<size_t>(spec.n_embd);
  std::vector<float> weight(n_embd);
  ggml_backend_tensor_get(model_.output_norm(), weight.data(), 0, weight.size() * sizeof(float));
  for (size_t r = 0; r < rows.size(); r += n_embd) {
    double squares = 0;
    for (size_t i = 0; i < n_embd; ++i) squares += static_cast<double>(rows[r + i]) * rows[r + i];
    const auto scale =
        static_cast<float>(1 / std::sqrt(squares / static_cast<double>(n_embd) + spec.norm_eps));
    for (size_t i = 0; i < n_embd; ++i) rows[r + i] *= scale * weight[i];
  }
}

Head::Graph& Head::graph_for(int n_row) {
  Graph& g = graphs_[n_row];
  if (g.graph) return g;
  constexpr size_t kNodes = 8;
  g.context.reset(ggml_init(
      {ggml_tensor_overhead() * kNodes + ggml_graph_overhead_custom(kNodes, false), nullptr, true}));
  ggml_cgraph* graph = ggml_new_graph_custom(g.context.get(), kNodes, false);
  g.hidden = ggml_new_tensor_2d(g.context.get(), GGML_TYPE_F32, model_.spec().n_embd, n_row);
  ggml_set_input(g.hidden);
  g.logits = ggml_mul_mat(g.context.get(), model_.output(), g.hidden);
  ggml_set_output(g.logits);
  ggml_build_forward_expand(graph, g.logits);
  g.scheduler = model_.devices().scheduler(kNodes);
  model_.devices().allocate(g.scheduler.get(), graph, "the output head");
  g.graph = graph;
  return g;
}

void Head::all(std::span<const float> rows, std::span<float> out) {
  Graph& g = graph_for(static_cast<int>(rows.size() / static_cast<size_t>(model_.spec().n_embd)));
  ggml_backend_tensor_set(g.hidden, rows.data(), 0, rows.size_bytes());
  model_.devices().compute(g.scheduler.get(), g.graph, "the output head");
  ggml_backend_tensor_get(g.logits, out.data(), 0, out.size_bytes());
}

}  // namespace rouse
