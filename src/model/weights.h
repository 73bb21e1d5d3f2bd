/// model/weights.h - the weights of a block as tensors, in the layouts the kernels like best.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/devices.h"

namespace rouse {

/// A projection that may be stacked with its neighbours: [n_in, n_out]. Gate and up, say, are one product
/// when their types allow: a step is 4-13% faster.
struct Gated {
  ggml_tensor* both = nullptr;                 ///< gate over up: [n_in, 2 n_ff(, E)]
  ggml_tensor *gate = nullptr, *up = nullptr;  ///< when of two types
  ggml_tensor* down = nullptr;                 ///< [n_ff, n_embd(, E)]
};

/// One block. Absent weights are null. `[a, b]` is ggml's ne.
struct LayerWeights {
  ggml_tensor* attn_norm = nullptr;  ///< [n_embd]
  /// The projections of a row in one product, when of one type: queries, keys, values; with latent attention
  /// (compressed) queries and the compressed row.
  ggml_tensor* qkv = nullptr;
  ggml_tensor *q = nullptr, *k = nullptr, *v = nullptr;  ///< apart otherwise; k: the compressed row
  ggml_tensor *qkv_bias = nullptr, *o_bias = nullptr;    ///< queries, keys, values in a row; [n_embd]
  ggml_tensor *q_norm = nullptr, *k_norm = nullptr, *sinks = nullptr;  ///< see QkNorm; [n_head]
  ggml_tensor *q_a_norm = nullptr, *q_b = nullptr;    ///< latent: [n_lora_q], [n_lora_q, n_head * key]
  ggml_tensor *kv_a_norm = nullptr, *kv_b = nullptr;  ///< latent: [n_lora_kv], plain [n_lora_kv, n_head * ..]
  ggml_tensor *k_b = nullptr,
              *v_b = nullptr;       ///< absorbed: [nope, n_lora_kv, n_head], [n_lora_kv, value, n_head]
  ggml_tensor* o = nullptr;         ///< [n_embd_out, n_embd]
  ggml_tensor* ffn_norm = nullptr;  ///< [n_embd]
  Gated dense, experts, shared;     ///< the first, or the other two
  ggml_tensor *router = nullptr, *router_bias = nullptr;  ///< [n_embd, n_expert], [n_expert]
  std::vector<float> selection_bias;                      ///< on the host: [n_expert], or empty
  ggml_tensor *gate_up_bias = nullptr, *gate_bias = nullptr, *up_bias = nullptr,
              *down_bias = nullptr;    ///< of experts
  ggml_tensor* shared_gate = nullptr;  ///< [n_embd]
};

/// Bytes of weights a token touches, by part: the bound of decoding speed.
struct WeightBytes {
  uint64_t dense = 0;  ///< attention, norms, routers, shared experts, dense feed-forward
  uint64_t head = 0;
  std::vector<uint64_t> expert;  ///< one expert of each block; 0 in dense blocks
};

}  // namespace rouse
