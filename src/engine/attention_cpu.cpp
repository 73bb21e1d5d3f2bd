#include "engine/attention_cpu.h"

#include <ggml-cpu.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/lanes.h"

namespace rouse {
namespace {

ROUSE_WIDE float dot(const float* a, const float* b, int n) {
  float lanes[kLanes] = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  float sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const float lane : lanes) sum += lane;
  return sum;
}

ROUSE_WIDE void add_scaled(float* out, const float* v, float w, int n) {
  for (int i = 0; i < n; ++i) out[i] += w * v[i];
}

/// One head's row of a cell as F32: in place for F32, else converted into `scratch`.
const float* cell_row(const ggml_tensor* cache, int cell, int64_t first, int n, float* scratch) {
  const char* row = static_cast<const char*>(cache->data) + static_cast<size_t>(cell) * cache->nb[1];
  if (cache->type == GGML_TYPE_F32) return reinterpret_cast<const float*>(row) + first;
  ggml_cpu_fp16_to_fp32(reinterpret_cast<const ggml_fp16_t*>(row) + first, scratch, n);
  return scratch;
}

/// What a node computes, and where.
struct Attention {
  const ggml_tensor *q, *k, *v, *sinks, *out;
  const AttentionNode& node;
  int hd, hd_v, n_head_kv, group;  ///< group: heads that share keys and values
  const float* query(int row, int head) const {
    return reinterpret_cast<const float*>(static_cast<const char*>(q->data) +
                                          static_cast<size_t>(row) * q->nb[2] +
                                          static_cast<size_t>(head) * q->nb[1]);
  }
  float* output(int row, int head) const {
    return reinterpret_cast<float*>(static_cast<char*>(out->data) + static_cast<size_t>(row) * out->nb[1]) +
           static_cast<size_t>(head) * static_cast<size_t>(hd_v);
  }
  float sink(int head) const { return sinks ? static_cast<const float*>(sinks->data)[head] : -INFINITY; }
  std::span<const int> cells(int row) const {
    return node.cells->rows[static_cast<size_t>(node.row_begin + row)];
  }
  /// How many of a row's cells are out of its window.
  int unseen(int row) const {
    const auto n = static_cast<int>(cells(row).size());
    return node.window > 0 ? std::max(0, n - node.window) : 0;
  }
};

/// Heads [first, first + heads) of one row, which share their keys and values.
void attend_row(const Attention& a, int row, int first, int heads) {
  thread_local std::vector<float> scores, scratch;
  const int kv = first / a.group;
  const std::span<const int> cells = a.cells(row).subspan(static_cast<size_t>(a.unseen(row)));
  const size_t n = cells.size();
  scores.resize(static_cast<size_t>(heads) * n);
  scratch.resize(static_cast<size_t>(std::max(a.hd, a.hd_v)));
  for (size_t c = 0; c < n; ++c) {
    const float* key = cell_row(a.k, cells[c], int64_t{kv} * a.hd, a.hd, scratch.data());
    for (int h = 0; h < heads; ++h)
      scores[static_cast<size_t>(h) * n + c] = a.node.scale * dot(a.query(row, first + h), key, a.hd);
  }
  for (int h = 0; h < heads; ++h) {
    float* s = scores.data() + static_cast<size_t>(h) * n;
    const float sink = a.sink(first + h), largest = std::max(sink, *std::max_element(s, s + n));
    float sum = std::exp(sink - largest);  // one more entry of the softmax, without a value
    for (size_t c = 0; c < n; ++c) sum += s[c] = std::exp(s[c] - largest);
    for (size_t c = 0; c < n; ++c) s[c] /= sum;
  }
  std::fill_n(a.output(row, first), heads * a.hd_v, 0.0f);
  for (size_t c = 0; c < n; ++c) {
    const float* value = cell_row(a.v, cells[c], int64_t{kv} * a.hd_v, a.hd_v, scratch.data());
    for (int h = 0; h < heads; ++h)
      add_scaled(a.output(row, first + h), value, scores[static_cast<size_t>(h) * n + c], a.hd_v);
  }
}

constexpr int kBlock = 8;
/// Terms that are summed before they join the rest, so that rounding errors stay small.
constexpr int kPartial = 32;
/// Fewer queries of a sequence's rows leave too many lanes empty.
constexpr int kTileQueries = 8;

/// scores [kBlock][kLanes] of a block of keys [kBlock][width]; queries [width][kLanes].
ROUSE_WIDE void score_block(const float* keys, const float* queries, int width, float* scores) {
  Lanes all[kBlock] = {};
  for (int first = 0; first < width; first += kPartial) {
    Lanes sum[kBlock] = {}, query;
    for (int d = first; d < std::min(width, first + kPartial); ++d) {
      load(query, queries + d * kLanes);
      for (int j = 0; j < kBlock; ++j) sum[j] += keys[j * width + d] * query;
    }
    for (int j = 0; j < kBlock; ++j) all[j] += sum[j];
  }
  for (int j = 0; j < kBlock; ++j) store(scores + j * kLanes, all[j]);
}

/// out [kLanes][width] += a block of values [kBlock][width] by their weights [kBlock][kLanes].
ROUSE_WIDE void add_block(const float* values, const float* weights, int width, float* out) {
  for (int d = 0; d < width; d += kLanes)
    for (int half = 0; half < kLanes; half += kBlock) {
      Lanes sum[kBlock] = {}, value;
      for (int j = 0; j < kBlock; ++j) {
        load(value, values + j * width + d);
        for (int l = 0; l < kBlock; ++l) sum[l] += weights[j * kLanes + half + l] * value;
      }
      for (int l = 0; l < kBlock; ++l) {
        float* to = out + (half + l) * width + d;
        load(value, to);
        store(to, value + sum[l]);
      }
    }
}

/// scores [n][kLanes] to exp(score - largest), and their sums. sinks, sums [kLanes]: a sink is one more
/// entry, without a value.
ROUSE_WIDE void softmax_lanes(float* scores, size_t n, const float* sinks, float* sums) {
  Lanes largest, sum, s;
  load(largest, sinks);
  sum = largest;
  for (size_t c = 0; c < n; ++c) {
    load(s, scores + c * kLanes);
    largest = s > largest ? s : largest;
  }
  sum -= largest;
  exp_lanes(sum);
  for (size_t c = 0; c < n; ++c) {
    load(s, scores + c * kLanes);
    s -= largest;
    exp_lanes(s);
    sum += s;
    store(scores + c * kLanes, s);
  }
  store(sums, sum);
}

/// Keys or values of a block of cells, [kBlock][width], zeros past the last and past n.
void load_block(const ggml_tensor* cache, std::span<const int> cells, int64_t first, int n, int width,
                float* out) {
  if (n < width || cells.size() < kBlock) std::fill_n(out, kBlock * width, 0.0f);
  for (size_t j = 0; j < std::min<size_t>(kBlock, cells.size()); ++j) {
    float* to = out + j * static_cast<size_t>(width);
    const float* from = cell_row(cache, cells[j], first, n, to);
    if (from != to) std::copy_n(from, n, to);
  }
}

/// Up to kLanes queries: heads of consecutive rows of one sequence that share their keys and values. A lane a
/// query, so that no sum crosses lanes; each block of keys and values is converted once for all.
struct Tile {
  struct Query {
    int row, head;
    int begin, end;  ///< which of the sequence's cells it sees
  };
  int kv = 0, n = 0;
  std::array<Query, kLanes> queries{};
  std::span<const Query> used() const { return std::span(queries).first(static_cast<size_t>(n)); }
};

void attend_tile(const Attention& a, const Tile& tile) {
  thread_local std::vector<float> queries, scores, block, out;
  const Tile::Query &first = tile.queries[0], &last = tile.used().back();
  const int width = a.hd, width_v = (a.hd_v + kLanes - 1) / kLanes * kLanes;
  const auto cells = a.cells(last.row).subspan(static_cast<size_t>(first.begin));
  const size_t n = cells.size(), n_padded = (n + kBlock - 1) / kBlock * kBlock;
  queries.assign(static_cast<size_t>(width) * kLanes, 0);  // [width][kLanes]
  scores.resize(n_padded * kLanes);                        // [n_padded][kLanes]
  block.resize(static_cast<size_t>(std::max(width, width_v)) * kBlock);
  out.assign(static_cast<size_t>(width_v) * kLanes, 0);  // [kLanes][width_v]
  float sinks[kLanes], sums[kLanes];
  std::fill_n(sinks, kLanes, -INFINITY);
  for (size_t l = 0; l < tile.used().size(); ++l) {
    const float* q = a.query(tile.queries[l].row, tile.queries[l].head);
    for (int d = 0; d < width; ++d) queries[static_cast<size_t>(d) * kLanes + l] = a.node.scale * q[d];
    sinks[l] = a.sink(tile.queries[l].head);
  }
  const auto some = [&](size_t c) { return cells.subspan(c, std::min<size_t>(kBlock, n - c)); };
  for (size_t c = 0; c < n; c += kBlock) {
    load_block(a.k, some(c), int64_t{tile.kv} * a.hd, a.hd, width, block.data());
    score_block(block.data(), queries.data(), width, &scores[c * kLanes]);
  }
  for (size_t c = 0; c < n_padded; ++c) {  // rows see different beginnings and ends of the cells
    const int cell = static_cast<int>(c) + first.begin;
    if (cell >= last.begin && cell < first.end) continue;
    for (size_t l = 0; l < tile.used().size(); ++l)
      if (cell < tile.queries[l].begin || cell >= tile.queries[l].end) scores[c * kLanes + l] = -INFINITY;
  }
  softmax_lanes(scores.data(), n_padded, sinks, sums);
  for (size_t c = 0; c < n; c += kBlock) {
    load_block(a.v, some(c), int64_t{tile.kv} * a.hd_v, a.hd_v, width_v, block.data());
    add_block(block.data(), &scores[c * kLanes], width_v, out.data());
  }
  for (size_t l = 0; l < tile.used().size(); ++l) {
    const float* from = out.data() + l * static_cast<size_t>(width_v);
    float* to = a.output(tile.queries[l].row, tile.queries[l].head);
    for (int d = 0; d < a.hd_v; ++d) to[d] = from[d] / sums[l];
  }
}

/// Rows [begin, end) of one sequence, one position after the other.
template <class Work>
void tiles_of(const Attention& a, int begin, int end, Work&& work) {
  for (int kv = 0; kv < a.n_head_kv; ++kv) {
    Tile tile{.kv = kv};
    for (int row = begin; row < end; ++row)
      for (int h = 0; h < a.group; ++h) {
        tile.queries[static_cast<size_t>(tile.n++)] = {row, kv * a.group + h, a.unseen(row),
                                                       static_cast<int>(a.cells(row).size())};
        if (tile.n < kLanes && (row + 1 < end || h + 1 < a.group)) continue;
        work(tile);
        tile.n = 0;
      }
  }
}

}  // namespace

void attention_node(ggml_tensor* dst, int ith, int nth, void* data) {
  const auto& node = *static_cast<const AttentionNode*>(data);
  const ggml_tensor *q = dst->src[0], *k = dst->src[1];
  const int hd = static_cast<int>(q->ne[0]), n_head = static_cast<int>(q->ne[1]),
            n_row = static_cast<int>(q->ne[2]), n_head_kv = static_cast<int>(k->ne[0]) / hd;
  const Attention a{q,    k,  dst->src[2],        dst->src[3], dst,
                    node, hd, node.n_embd_head_v, n_head_kv,   n_head / n_head_kv};
  // A single row is some heads that share their keys and values: all of those, unless threads would idle.
  int n_split = 1;
  while (n_row * n_head_kv * n_split < nth && a.group % (2 * n_split) == 0) n_split *= 2;
  const int heads = a.group / n_split;
  int task = 0;  // dealt out in turn: later rows see more cells
  for (int begin = 0, end; begin < n_row; begin = end) {
    for (end = begin + 1; end < n_row; ++end)
      if (a.cells(end).data() != a.cells(begin).data() || a.cells(end).size() != a.cells(end - 1).size() + 1)
        break;
    if ((end - begin) * a.group >= kTileQueries && end - begin > 1) {
      tiles_of(a, begin, end, [&](const Tile& tile) {
        if (task++ % nth == ith) attend_tile(a, tile);
      });
      continue;
    }
    for (int row = begin; row < end; ++row)
      for (int first = 0; first < n_head; first += heads)
        if (task++ % nth == ith) attend_row(a, row, first, heads);
  }
}

}  // namespace rouse
