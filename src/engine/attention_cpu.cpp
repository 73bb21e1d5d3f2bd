#include "engine/attention_cpu.h"

#include <ggml-cpu.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace rouse {
namespace {

// One binary serves every x86-64 processor: the loader picks the widest version of these loops. Sums run in
// sixteen lanes, spelled out because IEEE order forbids the compiler to split a sum by itself. (Sanitizers
// start before the loader could pick.)
#if defined(__x86_64__) && !defined(ROUSE_SANITIZED)
#ifdef __clang__
#define ROUSE_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ROUSE_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#else
#define ROUSE_WIDE
#endif

constexpr int kLanes = 16;

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

}  // namespace

void attention_node(ggml_tensor* dst, int ith, int nth, void* data) {
  const auto& node = *static_cast<const AttentionNode*>(data);
  const ggml_tensor *q = dst->src[0], *k = dst->src[1], *v = dst->src[2], *sinks = dst->src[3];
  const int hd = static_cast<int>(q->ne[0]), n_head = static_cast<int>(q->ne[1]),
            n_row = static_cast<int>(q->ne[2]), hd_v = node.n_embd_head_v;
  const int n_head_kv = static_cast<int>(k->ne[0]) / hd, group = n_head / n_head_kv;
  // A task is some heads of one row that share their keys and values: all of those, unless threads would
  // idle.
  int n_split = 1;
  while (n_row * n_head_kv * n_split < nth && group % (2 * n_split) == 0) n_split *= 2;
  const int heads = group / n_split, n_task = n_row * n_head_kv * n_split;
  thread_local std::vector<float> scores, scratch;
  scratch.resize(static_cast<size_t>(std::max(hd, hd_v)));
  for (int task = n_task * ith / nth; task < n_task * (ith + 1) / nth; ++task) {
    const int row = task / (n_head_kv * n_split), first = task % (n_head_kv * n_split) * heads,
              kv = first / group;
    std::span<const int> cells = node.cells->rows[static_cast<size_t>(node.row_begin + row)];
    if (node.window > 0) cells = cells.last(std::min(cells.size(), static_cast<size_t>(node.window)));
    const size_t n = cells.size();
    scores.resize(static_cast<size_t>(heads) * n);
    const auto query = [&](int h) {
      return reinterpret_cast<const float*>(static_cast<const char*>(q->data) +
                                            static_cast<size_t>(row) * q->nb[2] +
                                            static_cast<size_t>(first + h) * q->nb[1]);
    };
    for (size_t c = 0; c < n; ++c) {
      const float* key = cell_row(k, cells[c], int64_t{kv} * hd, hd, scratch.data());
      for (int h = 0; h < heads; ++h)
        scores[static_cast<size_t>(h) * n + c] = node.scale * dot(query(h), key, hd);
    }
    float* out =
        reinterpret_cast<float*>(static_cast<char*>(dst->data) + static_cast<size_t>(row) * dst->nb[1]) +
        static_cast<size_t>(first * hd_v);
    std::fill_n(out, heads * hd_v, 0.0f);
    for (int h = 0; h < heads; ++h) {
      float* s = scores.data() + static_cast<size_t>(h) * n;
      float largest = *std::max_element(s, s + n), sum = 0;
      if (sinks) {  // one more entry of the softmax, without a value
        const float sink = static_cast<const float*>(sinks->data)[first + h];
        largest = std::max(largest, sink);
        sum = std::exp(sink - largest);
      }
      for (size_t c = 0; c < n; ++c) sum += s[c] = std::exp(s[c] - largest);
      for (size_t c = 0; c < n; ++c) s[c] /= sum;
    }
    for (size_t c = 0; c < n; ++c) {
      const float* value = cell_row(v, cells[c], int64_t{kv} * hd_v, hd_v, scratch.data());
      for (int h = 0; h < heads; ++h)
        add_scaled(out + h * hd_v, value, scores[static_cast<size_t>(h) * n + c], hd_v);
    }
  }
}

}  // namespace rouse
