/// engine/routing_table.h - the experts of every row of a step, filled by the graph as it climbs.
///
/// Routing runs inside the graph as plain C++ on the host (routing/route.h): one node chooses, the matrix
/// products of the experts follow, one node sums what they give. Both meet here, and taps read it afterwards
/// at no cost.
#pragma once

#include <ggml.h>

#include <cstdint>
#include <vector>

#include "engine/batch.h"
#include "routing/route.h"

namespace rouse {

/// The policy and the position of one row.
struct RouteInput {
  const RoutingPolicy* policy;
  int64_t position;
};

/// Consecutive rows of a layer whose expert products run in one pair of matrix products.
/// A grid has `count` experts a row: ids [count, n_row]. Otherwise the piece is flat: ids [1, n_pair], one
/// (row, expert) pair each, for rows with different counts; experts that several rows chose are then read
/// once. Never padded by repeating an id: kernels assume distinct ids in a column.
struct RoutePiece {
  int row_begin = 0, n_row = 0;
  bool grid = true;
  int count = 0;                     ///< grid: experts a row
  int capacity = 0;                  ///< flat: pairs at most
  bool ragged = false;               ///< flat: the number of pairs is known only after the router
  int pair_begin = 0;                ///< of its first row, in the layer's arrays
  int n_pair = 0;                    ///< filled by the step
  std::vector<ggml_tensor*> narrow;  ///< ragged: tensors whose `dim`-th extent becomes n_pair
  std::vector<int> narrow_dim;
};

/// One MoE layer of a step.
struct RouteLayer {
  int layer = 0;  ///< block number
  const std::vector<RouteInput>* rows = nullptr;
  std::vector<RoutePiece> pieces;
  std::vector<int> pair_begin, n_pair;  ///< [n_row]
  std::vector<char> unsound;            ///< [n_row]: its scores are not finite, so nothing chose its experts
  std::vector<int> ids;                 ///< [pairs]
  std::vector<float> weights;           ///< [pairs]
  std::span<const float> model_bias;
  float output_scale = 1.0f;        ///< multiplies what is added to the residual
  std::vector<const float*> noise;  ///< [n_row]: rows of n_embd that multiply it too, or empty
  bool keep_logits = false;
  std::vector<float> logits;  ///< row-major [n_row][n_expert], when tapped
};

/// The nodes' user data: which layer, which piece.
struct RouteNode {
  RouteLayer* layer;
  size_t piece;
};

/// Splits the rows of a layer into pieces. Pure; see RoutePiece.
std::vector<RoutePiece> route_pieces(const std::vector<RouteInput>& rows, int layer);

/// ggml custom node: src[0] = router logits [n_expert, n_row]; dst = ids, and for a flat piece the row of
/// each pair.
void route_node(ggml_tensor* dst, int ith, int nth, void* node);
/// ggml custom node: dst[n_embd, n_row] = src[0] residual + sum over pairs of weight * src[1 + piece]
/// (+ the shared experts' output, the last source, when there is one more source than pieces).
void combine_node(ggml_tensor* dst, int ith, int nth, void* layer);

}  // namespace rouse
