#include "engine/routing_table.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace rouse {

/// Few rows share one flat product, so that experts which several rows chose are read once; many rows are
/// bound by arithmetic, and a grid quantises each row only once.
static constexpr int kFlatRows = 16;
static constexpr size_t kMaxPieces = 6;  // each is a source of the combine node

std::vector<RoutePiece> route_pieces(const std::vector<RouteInput>& rows, int layer) {
  std::vector<RoutePiece> runs;
  const int n_row = static_cast<int>(rows.size());
  int capacity = 0;
  bool ragged = false;
  for (int r = 0; r < n_row; ++r) {
    const Choice& choice = rows[static_cast<size_t>(r)].policy->choice();
    const int count = choice.max_count(layer);
    if (runs.empty() || runs.back().ragged != choice.ragged() ||
        (runs.back().count != count && !choice.ragged())) {
      RoutePiece piece;
      piece.row_begin = r, piece.count = count, piece.ragged = choice.ragged(), piece.grid = !choice.ragged();
      piece.pair_begin = capacity;
      runs.push_back(piece);
    }
    runs.back().n_row += 1;
    runs.back().capacity += count;
    capacity += count;
    ragged = ragged || choice.ragged();
  }
  if (runs.size() > 1 && (n_row <= kFlatRows || runs.size() > kMaxPieces)) {
    RoutePiece all;
    all.n_row = n_row, all.grid = false, all.capacity = capacity, all.ragged = ragged;
    return {all};
  }
  return runs;
}

/// Chooses the experts of rows [begin, end) of a piece; pairs go to the layer's arrays from `pair` on.
static int route_rows(RouteLayer& layer, const ggml_tensor* logits, int begin, int end, int pair) {
  thread_local RouteScratch scratch;
  const auto n_expert = static_cast<size_t>(logits->ne[0]);
  for (int row = begin; row < end; ++row) {
    const RouteInput& input = (*layer.rows)[static_cast<size_t>(row)];
    const auto* r = reinterpret_cast<const float*>(static_cast<const char*>(logits->data) +
                                                   static_cast<size_t>(row) * logits->nb[1]);
    const auto at = static_cast<size_t>(pair);
    const auto room = static_cast<size_t>(input.policy->choice().max_count(layer.layer));
    const auto ids = std::span(layer.ids).subspan(at, room);
    const auto weights = std::span(layer.weights).subspan(at, room);
    int n = route_row(*input.policy, layer.layer, input.position, {r, n_expert}, layer.model_bias, ids,
                      weights, scratch);
    layer.unsound[static_cast<size_t>(row)] = n == 0;
    if (n == 0) {  // the graph goes on for the other rows; this one's numbers are NaN from here on
      n = input.policy->choice().ragged() ? 1 : static_cast<int>(room);
      std::iota(ids.begin(), ids.end(), 0);
      std::fill(weights.begin(), weights.end(), NAN);
    }
    layer.pair_begin[static_cast<size_t>(row)] = pair;
    layer.n_pair[static_cast<size_t>(row)] = n;
    pair += n;
    if (layer.keep_logits)
      std::copy_n(r, n_expert,
                  layer.logits.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(row) * n_expert));
  }
  return pair;
}

void route_node(ggml_tensor* dst, int ith, int nth, void* data) {
  const auto& node = *static_cast<RouteNode*>(data);
  RouteLayer& layer = *node.layer;
  RoutePiece& piece = layer.pieces[node.piece];
  const ggml_tensor* logits = dst->src[0];
  auto* out = static_cast<int32_t*>(dst->data);
  if (piece.grid) {  // every row's place is known, so threads share the rows
    const int begin = piece.row_begin + piece.n_row * ith / nth,
              end = piece.row_begin + piece.n_row * (ith + 1) / nth;
    const int first = piece.pair_begin + (begin - piece.row_begin) * piece.count;
    const int last = route_rows(layer, logits, begin, end, first);
    std::copy(layer.ids.begin() + first, layer.ids.begin() + last, out + (first - piece.pair_begin));
    if (ith == 0) piece.n_pair = piece.n_row * piece.count;
    return;
  }
  if (ith != 0) return;
  const int end = route_rows(layer, logits, piece.row_begin, piece.row_begin + piece.n_row, piece.pair_begin);
  piece.n_pair = end - piece.pair_begin;
  std::copy(layer.ids.begin() + piece.pair_begin, layer.ids.begin() + end, out);
  int32_t* row_of_pair = out + piece.capacity;
  for (int row = piece.row_begin; row < piece.row_begin + piece.n_row; ++row)
    row_of_pair = std::fill_n(row_of_pair, layer.n_pair[static_cast<size_t>(row)], row);
  // Kernels read extents when a node runs, so the products that follow cover exactly the chosen pairs.
  for (size_t i = 0; i < piece.narrow.size(); ++i) piece.narrow[i]->ne[piece.narrow_dim[i]] = piece.n_pair;
}

void combine_node(ggml_tensor* dst, int ith, int nth, void* data) {
  const RouteLayer& layer = *static_cast<const RouteLayer*>(data);
  const size_t n_piece = layer.pieces.size();
  const auto row_of = [](const ggml_tensor* t, int row) {
    return reinterpret_cast<float*>(static_cast<char*>(t->data) + static_cast<size_t>(row) * t->nb[1]);
  };
  const ggml_tensor* residual = dst->src[0];
  const ggml_tensor* shared = n_piece + 1 < GGML_MAX_SRC ? dst->src[n_piece + 1] : nullptr;
  // Many rows: threads share rows. Few: they share columns.
  const int n_row = static_cast<int>(dst->ne[1]), n_col = static_cast<int>(dst->ne[0]);
  const bool by_row = n_row >= 4 * nth;
  const int row_begin = by_row ? n_row * ith / nth : 0, row_end = by_row ? n_row * (ith + 1) / nth : n_row;
  const int col_begin = by_row ? 0 : n_col * ith / nth, col_end = by_row ? n_col : n_col * (ith + 1) / nth;
  for (size_t p = 0; p < n_piece; ++p) {
    const RoutePiece& piece = layer.pieces[p];
    const auto* y = static_cast<const float*>(dst->src[1 + p]->data);  // [n_embd, pairs], contiguous
    const int begin = std::max(row_begin, piece.row_begin),
              end = std::min(row_end, piece.row_begin + piece.n_row);
    for (int row = begin; row < end; ++row) {
      float* out = row_of(dst, row);
      const int first = layer.pair_begin[static_cast<size_t>(row)],
                n = layer.n_pair[static_cast<size_t>(row)];
      for (int i = 0; i < n; ++i) {
        const float w = layer.weights[static_cast<size_t>(first + i)];
        const float* expert =
            y + static_cast<size_t>(first + i - piece.pair_begin) * static_cast<size_t>(n_col);
        if (i == 0)
          for (int c = col_begin; c < col_end; ++c) out[c] = w * expert[c];
        else
          for (int c = col_begin; c < col_end; ++c) out[c] += w * expert[c];
      }
      if (shared) {
        const float* s = row_of(shared, row);
        for (int c = col_begin; c < col_end; ++c) out[c] += s[c];
      }
      const float* r = row_of(residual, row);
      const float scale = layer.output_scale;
      if (!layer.noise.empty()) {
        const float* noise = layer.noise[static_cast<size_t>(row)];
        for (int c = col_begin; c < col_end; ++c) out[c] *= noise[c];
      }
      for (int c = col_begin; c < col_end; ++c) out[c] = r[c] + scale * out[c];
    }
  }
}

}  // namespace rouse
