#include "engine/head.h"

#include <cmath>

#include "base/error.h"
#include "base/statistics.h"

namespace rouse {

/// Past this share of the vocabulary the whole head on all threads is faster than single columns on one.
static constexpr size_t kColumnShare = 64;
/// Rows that run together; more come in pieces, so that few graphs are kept.
static constexpr size_t kMaxRows = 32;

bool Head::columns_suffice(std::span<const int> tokens) const {
  return !tokens.empty() && tokens.size() * kColumnShare <= static_cast<size_t>(model_.spec().n_vocab);
}

void Head::run_columns(HeadRows& item, std::span<const float> rows) const {
  const auto n_embd = static_cast<size_t>(model_.spec().n_embd);
  const size_t n_row = rows.size() / n_embd, n = item.tokens.size();
  item.logits.resize(n_row * n);
  for (size_t r = 0; r < n_row; ++r)
    model_.head_columns(rows.subspan(r * n_embd, n_embd), item.tokens,
                        std::span(item.logits).subspan(r * n, n));
  item.cost.weight_bytes =
      static_cast<int64_t>(model_.weight_bytes().head) * static_cast<int64_t>(n) / model_.spec().n_vocab;
}

/// The logits of `tokens` out of those of the whole vocabulary.
static std::vector<float> chosen(std::span<const float> whole, std::span<const int> tokens, size_t n_vocab) {
  std::vector<float> out;
  for (size_t begin = 0; begin < whole.size(); begin += n_vocab)
    for (const int token : tokens) out.push_back(whole[begin + static_cast<size_t>(token)]);
  return out;
}

void Head::run(std::span<HeadRows> items) {
  const auto n_embd = static_cast<size_t>(model_.spec().n_embd),
             n_vocab = static_cast<size_t>(model_.spec().n_vocab);
  std::vector<float> rows;  // of those that want the whole vocabulary
  for (HeadRows& item : items) {
    item.cost = {.head_rows = static_cast<int64_t>(item.rows.size() / n_embd)};
    std::vector<float> own(item.rows.begin(), item.rows.end());
    if (item.norm) norm(own);
    if (columns_suffice(item.tokens))
      run_columns(item, own);
    else
      rows.insert(rows.end(), own.begin(), own.end());
  }
  const size_t n_row = rows.size() / n_embd;
  std::vector<float> whole(n_row * n_vocab);
  int64_t bytes = 0;
  for (size_t r = 0; r < n_row; r += kMaxRows) {
    const size_t n = std::min(kMaxRows, n_row - r);
    all(std::span(rows).subspan(r * n_embd, n * n_embd), std::span(whole).subspan(r * n_vocab, n * n_vocab));
    bytes += static_cast<int64_t>(model_.weight_bytes().head);
  }
  size_t done = 0;
  for (HeadRows& item : items) {
    if (!columns_suffice(item.tokens)) {
      const size_t n = item.rows.size() / n_embd;
      const auto own = std::span(whole).subspan(done * n_vocab, n * n_vocab);
      item.logits = item.tokens.empty() ? std::vector<float>(own.begin(), own.end())
                                        : chosen(own, item.tokens, n_vocab);
      // Shares whose sum is exactly what was read.
      const auto share = [&](size_t r) {
        return bytes * static_cast<int64_t>(r) / static_cast<int64_t>(n_row);
      };
      if (n > 0) item.cost.weight_bytes = share(done + n) - share(done);
      done += n;
    }
    if (const size_t at = first_unsound(item.logits); at < item.logits.size())
      item.fault.emplace(
          cat("the logit of token ",
              item.tokens.empty() ? static_cast<int>(at % n_vocab) : item.tokens[at % item.tokens.size()],
              " is ", item.logits[at]));
  }
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
