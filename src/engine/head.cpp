#include "engine/head.h"

#include "base/error.h"

namespace rouse {

/// Past this share of the vocabulary the whole head on all threads is faster than single columns on one.
static constexpr size_t kColumnShare = 64;

void Head::columns(std::span<const float> hidden, std::span<const int> tokens, std::span<float> out) {
  if (tokens.size() * kColumnShare <= static_cast<size_t>(model_.spec().n_vocab)) {
    model_.head_columns(hidden, tokens, out);
    return;
  }
  std::vector<float> logits(static_cast<size_t>(model_.spec().n_vocab));
  all(hidden, logits);
  for (size_t i = 0; i < tokens.size(); ++i) out[i] = logits[static_cast<size_t>(tokens[i])];
}

void Head::all(std::span<const float> hidden, std::span<float> out) {
  if (!graph_) {
    constexpr size_t kNodes = 8;
    context_.reset(ggml_init(
        {ggml_tensor_overhead() * kNodes + ggml_graph_overhead_custom(kNodes, false), nullptr, true}));
    graph_ = ggml_new_graph_custom(context_.get(), kNodes, false);
    hidden_ = ggml_new_tensor_2d(context_.get(), GGML_TYPE_F32, model_.spec().n_embd, 1);
    ggml_set_input(hidden_);
    logits_ = ggml_mul_mat(context_.get(), model_.output(), hidden_);
    ggml_set_output(logits_);
    ggml_build_forward_expand(graph_, logits_);
    const auto& backends = model_.devices().backends();
    scheduler_.reset(ggml_backend_sched_new(const_cast<ggml_backend_t*>(backends.data()), nullptr,
                                            static_cast<int>(backends.size()), kNodes, false, true));
    require(ggml_backend_sched_alloc_graph(scheduler_.get(), graph_),
            "not enough memory for the output head");
  }
  ggml_backend_tensor_set(hidden_, hidden.data(), 0, hidden.size_bytes());
  require(ggml_backend_sched_graph_compute(scheduler_.get(), graph_) == GGML_STATUS_SUCCESS,
          "the backend failed in the head");
  ggml_backend_tensor_get(logits_, out.data(), 0, out.size_bytes());
}

}  // namespace rouse
