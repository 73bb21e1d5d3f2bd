/// The CPU's attention node against its formula in double.
#include <ggml-cpp.h>
#include <ggml-cpu.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "engine/attention_cpu.h"

namespace rouse {
namespace {

struct Case {
  int hd, hd_v, n_head, n_head_kv;
  std::vector<std::vector<int>> rows;  ///< of each sequence's rows the position, consecutive
  int window = 0;
  bool sinks = false;
  ggml_type type = GGML_TYPE_F32;
};

class AttentionTest {
 public:
  explicit AttentionTest(const Case& c) : c_(c), g_(ggml_init({64u << 20, nullptr, false})) {
    ggml_cpu_init();  // half precision needs its tables
    Random random(7);
    int n_row = 0, n_cell = 0;
    for (const auto& rows : c.rows) n_row += static_cast<int>(rows.size()), n_cell += rows.back() + 1;
    // Cells of the sequences lie mixed.
    std::vector<int> free(static_cast<size_t>(n_cell));
    for (int i = 0; i < n_cell; ++i) free[static_cast<size_t>(i)] = i;
    shuffle(free, random);
    for (const auto& rows : c.rows) {
      lists_.emplace_back(free.end() - rows.back() - 1, free.end());
      free.resize(free.size() - lists_.back().size());
    }
    for (size_t s = 0; s < c.rows.size(); ++s)
      for (const int position : c.rows[s])
        cells_.rows.push_back(std::span(lists_[s]).first(static_cast<size_t>(position) + 1));
    q_ = filled(GGML_TYPE_F32, {c.hd, c.n_head, n_row}, random);
    k_ = filled(c.type, {c.hd * c.n_head_kv, n_cell, 1}, random);
    v_ = filled(c.type, {c.hd_v * c.n_head_kv, n_cell, 1}, random);
    sinks_ = c.sinks ? filled(GGML_TYPE_F32, {c.n_head, 1, 1}, random) : nullptr;
    out_ = ggml_new_tensor_2d(g_.get(), GGML_TYPE_F32, c.n_head * c.hd_v, n_row);
    out_->src[0] = q_, out_->src[1] = k_, out_->src[2] = v_, out_->src[3] = sinks_;
  }

  /// The largest difference of the node's output from the formula's, by so many threads.
  double worst(int n_thread) {
    AttentionNode node{&cells_, 0, 0.3f, c_.hd_v, c_.window};
    std::fill_n(static_cast<float*>(out_->data), ggml_nelements(out_), NAN);
    for (int i = 0; i < n_thread; ++i) attention_node(out_, i, n_thread, &node);
    double most = 0;
    for (size_t row = 0; row < cells_.rows.size(); ++row)
      for (int head = 0; head < c_.n_head; ++head) {
        const std::vector<double> wanted = formula(static_cast<int>(row), head);
        for (int d = 0; d < c_.hd_v; ++d) {
          const double found = ggml_get_f32_nd(out_, head * c_.hd_v + d, static_cast<int>(row), 0, 0);
          if (std::isnan(found)) return INFINITY;
          most = std::max(most, std::abs(found - wanted[static_cast<size_t>(d)]));
        }
      }
    return most;
  }

 private:
  ggml_tensor* filled(ggml_type type, std::array<int64_t, 3> shape, Random& random) {
    ggml_tensor* t = ggml_new_tensor(g_.get(), type, 3, shape.data());
    for (int64_t i = 0; i < ggml_nelements(t); ++i)
      ggml_set_f32_1d(t, static_cast<int>(i), 2 * random.uniform() - 1);
    return t;
  }
  std::vector<double> formula(int row, int head) const {
    std::span<const int> cells = cells_.rows[static_cast<size_t>(row)];
    if (c_.window > 0) cells = cells.last(std::min(cells.size(), static_cast<size_t>(c_.window)));
    const int kv = head / (c_.n_head / c_.n_head_kv);
    std::vector<double> weights, out(static_cast<size_t>(c_.hd_v));
    double sum = sinks_ ? std::exp(ggml_get_f32_1d(sinks_, head)) : 0;
    for (const int cell : cells) {
      double score = 0;
      for (int d = 0; d < c_.hd; ++d)
        score +=
            double{ggml_get_f32_nd(q_, d, head, row, 0)} * ggml_get_f32_nd(k_, kv * c_.hd + d, cell, 0, 0);
      weights.push_back(std::exp(0.3 * score));
      sum += weights.back();
    }
    for (size_t i = 0; i < cells.size(); ++i)
      for (int d = 0; d < c_.hd_v; ++d)
        out[static_cast<size_t>(d)] +=
            weights[i] / sum * ggml_get_f32_nd(v_, kv * c_.hd_v + d, cells[i], 0, 0);
    return out;
  }

  Case c_;
  ggml_context_ptr g_;
  std::vector<std::vector<int>> lists_;
  AttentionCells cells_;
  ggml_tensor *q_, *k_, *v_, *sinks_, *out_;
};

std::vector<int> positions(int begin, int end) {
  std::vector<int> out;
  for (int i = begin; i < end; ++i) out.push_back(i);
  return out;
}

TEST(Attention, EqualsItsFormula) {
  const Case cases[] = {
      {64, 64, 9, 3, {positions(0, 100)}},
      {64, 64, 9, 3, {positions(0, 40), positions(17, 18), positions(90, 131), positions(5, 7)}},
      {128, 128, 4, 4, {positions(3, 30)}, 0, false, GGML_TYPE_F16},
      {8, 8, 4, 2, {positions(0, 33)}},
      {10, 6, 8, 1, {positions(0, 20), positions(60, 61)}},
      {80, 64, 16, 1, {positions(30, 35)}},
      {64, 64, 8, 2, {positions(0, 70), positions(20, 25)}, 16, true},
      {64, 64, 32, 1, {positions(0, 20)}, 8, true, GGML_TYPE_F16},
      {16, 16, 2, 2, {positions(200, 201), positions(0, 1)}, 0, true},
  };
  for (const Case& c : cases)
    for (const int n_thread : {1, 3})
      EXPECT_LT(AttentionTest(c).worst(n_thread), 2e-6) << c.hd << " " << c.n_head << " " << c.n_head_kv;
}

}  // namespace
}  // namespace rouse
