/// engine/attention_cpu.h - attention of a few rows on the CPU, as one node of the graph.
///
/// ggml's flash attention visits every cell of the window for every head; a step has few rows, and each sees
/// only the cells of its own sequence. This node walks those cells, converts each key and value once for all
/// the heads that share it, and keeps everything in F32. Long prompts stay with ggml, whose tiles win there.
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

/// The most rows that this node is used for.
inline constexpr int kAttentionRows = 16;

/// ggml custom node: src[0] = q [n_embd_head, n_head, n_row] F32; src[1], src[2] = the layer's whole key and
/// value cache [n_head_kv * n_embd_head(_v), n_cell], F16 or F32 (with one KV head the values may be the
/// first part of the keys); src[3], if any = sinks [n_head] F32; dst = [n_head * n_embd_head_v, n_row] F32.
void attention_node(ggml_tensor* dst, int ith, int nth, void* node);

}  // namespace rouse
