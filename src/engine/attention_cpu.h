/// engine/attention_cpu.h - attention on the CPU, as one node of the graph.
///
/// ggml's flash attention visits every cell of one window for all rows; here each row walks the cells of its
/// own sequence up to its own position, which of a batch of many texts are few. Rows of one sequence go in
/// tiles of sixteen queries, each key and value converted once for all; a single row goes by itself. All sums
/// are F32. Measured against ggml's on two cores: prompts of one text 1.0 to 1.6 times as fast by length and
/// head size, a batch of many texts 1.25 (whole model).
#pragma once

#include <ggml.h>

#include <span>
#include <vector>

namespace rouse {

/// What the node needs beyond its sources; filled by every step.
struct AttentionCells {
  /// For each row of the step the cells it attends to, by position; views of the cache's own lists.
  std::vector<std::span<const int>> rows;
};

struct AttentionNode {
  const AttentionCells* cells;
  int row_begin;      ///< of the node's span in the step
  float scale;        ///< multiplies q.k
  int n_embd_head_v;  ///< of a value
  int window;         ///< rows see their last `window` cells; 0: all
};

/// ggml custom node: src[0] = q [n_embd_head, n_head, n_row] F32; src[1], src[2] = the layer's whole key and
/// value cache [n_head_kv * n_embd_head(_v), n_cell], F16 or F32 (with one KV head the values may be the
/// first part of the keys); src[3], if any = sinks [n_head] F32; dst = [n_head * n_embd_head_v, n_row] F32.
void attention_node(ggml_tensor* dst, int ith, int nth, void* node);

}  // namespace rouse
