#include "model/model.h"

#include <ggml-cpu.h>

#include <cstring>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "model/loader.h"

namespace rouse {
namespace {

/// Declares the weights of one block with the loader; collects what a token touches.
class BlockDeclarer {
 public:
  BlockDeclarer(WeightLoader& loader, const ModelSpec& spec, int layer, ggml_backend_dev_t device)
      : loader_(loader), spec_(spec), layer_(layer), device_(device) {}

  void attention(LayerWeights& w) {
    place(&w.attn_norm, {need("attn_norm.weight")});
    if (spec_.attention.latent.on())
      latent_attention(w);
    else
      projections(w);
    place(&w.o, {need("attn_output.weight")}, WeightUse::matrix);
    place(&w.o_bias, {find("attn_output.bias")});
    place(&w.ffn_norm, {need(std::string(spec_.ffn_norm) + ".weight")});
  }

  void dense(LayerWeights& w) {
    gated(w.dense, "", WeightUse::matrix);
    place(&w.dense.down, {need("ffn_down.weight")}, WeightUse::matrix);
  }

  void moe(LayerWeights& w) {
    place(&w.router, {need("ffn_gate_inp.weight")}, WeightUse::matrix);
    place(&w.router_bias, {find("ffn_gate_inp.bias")});
    if (const ggml_tensor* bias = find("exp_probs_b.bias")) w.selection_bias = loader_.host(bias);
    const uint64_t before = bytes_;
    experts(w);
    expert_bytes_ = (bytes_ - before) / static_cast<uint64_t>(spec_.router.n_expert);
    bytes_ = before;
    if (spec_.n_ff_shared > 0) {
      gated(w.shared, "_shexp", WeightUse::matrix);
      place(&w.shared.down, {need("ffn_down_shexp.weight")}, WeightUse::matrix);
      place(&w.shared_gate, {find("ffn_gate_inp_shexp.weight")});
    }
  }

  uint64_t bytes() const { return bytes_; }
  uint64_t expert_bytes() const { return expert_bytes_; }

 private:
  void projections(LayerWeights& w) {
    if (spec_.attention.fused_qkv) {
      place(&w.qkv, {need("attn_qkv.weight")}, WeightUse::matrix);
      place(&w.qkv_bias, {find("attn_qkv.bias")});
    } else {
      separate_projections(w);
    }
    place(&w.q_norm, {find("attn_q_norm.weight")});
    place(&w.k_norm, {find("attn_k_norm.weight")});
    place(&w.sinks, {find("attn_sinks.weight")});
  }

  void separate_projections(LayerWeights& w) {
    const ggml_tensor *q = need("attn_q.weight"), *k = need("attn_k.weight"), *v = need("attn_v.weight");
    const ggml_tensor *qb = find("attn_q.bias"), *kb = find("attn_k.bias"), *vb = find("attn_v.bias");
    require_model(!qb == !kb && !kb == !vb, loader_.path(), ": block ", layer_,
                  " has biases on some of attn_q, attn_k and attn_v, expected all three or none");
    place(&w.qkv_bias, {qb, kb, vb}, WeightUse::other, 0);
    if (q->type == k->type && k->type == v->type) {
      place(&w.qkv, {q, k, v}, WeightUse::matrix);
    } else {
      place(&w.q, {q}, WeightUse::matrix);
      place(&w.k, {k}, WeightUse::matrix);
      place(&w.v, {v}, WeightUse::matrix);
    }
  }

  void latent_attention(LayerWeights& w) {
    const bool compressed = spec_.attention.latent.n_lora_q > 0;
    const ggml_tensor* q = need(compressed ? "attn_q_a.weight" : "attn_q.weight");
    const ggml_tensor* row = need("attn_kv_a_mqa.weight");
    if (q->type == row->type) {
      place(&w.qkv, {q, row}, WeightUse::matrix);
    } else {
      place(&w.q, {q}, WeightUse::matrix);
      place(&w.k, {row}, WeightUse::matrix);
    }
    place(&w.q_a_norm, {find("attn_q_a_norm.weight")});
    place(&w.q_b, {find("attn_q_b.weight")}, WeightUse::matrix);
    place(&w.kv_a_norm, {need("attn_kv_a_norm.weight")});
    place(&w.kv_b, {find("attn_kv_b.weight")}, WeightUse::matrix);
    place(&w.k_b, {find("attn_k_b.weight")}, WeightUse::matrix);
    place(&w.v_b, {find("attn_v_b.weight")}, WeightUse::matrix);
  }

  void experts(LayerWeights& w) {
    const ggml_tensor* both = find("ffn_gate_up_exps.weight");
    if (both) place(&w.experts.both, {both}, WeightUse::experts);
    const bool stacked = both || gated(w.experts, "_exps", WeightUse::experts);
    place(&w.experts.down, {need("ffn_down_exps.weight")}, WeightUse::experts);
    const ggml_tensor *gate = find("ffn_gate_exps.bias"), *up = find("ffn_up_exps.bias");
    if (stacked) {
      place(&w.gate_up_bias, {gate, up}, WeightUse::other, 0);
    } else {
      place(&w.gate_bias, {gate});
      place(&w.up_bias, {up});
    }
    place(&w.down_bias, {find("ffn_down_exps.bias")});
  }

  const ggml_tensor* need(const std::string& part) { return loader_.need(cat("blk.", layer_, ".", part)); }
  const ggml_tensor* find(const std::string& part) { return loader_.find(cat("blk.", layer_, ".", part)); }
  void place(ggml_tensor** slot, std::vector<const ggml_tensor*> sources, WeightUse use = WeightUse::other,
             int dim = 1) {
    std::erase(sources, nullptr);
    if (sources.empty()) return;
    for (const ggml_tensor* t : sources) bytes_ += ggml_nbytes(t);
    const ggml_backend_dev_t device = loader_.device_of(sources[0]->name, layer_, device_);
    loader_.place(slot, std::move(sources), use, device, dim);
  }
  /// Whether gate and up became one stacked matrix.
  bool gated(Gated& w, const std::string& suffix, WeightUse use) {
    const ggml_tensor* gate = need(cat("ffn_gate", suffix, ".weight"));
    const ggml_tensor* up = need(cat("ffn_up", suffix, ".weight"));
    const bool stacked = gate->type == up->type;
    if (stacked) {
      place(&w.both, {gate, up}, use);
    } else {
      place(&w.gate, {gate}, use);
      place(&w.up, {up}, use);
    }
    return stacked;
  }

  WeightLoader& loader_;
  const ModelSpec& spec_;
  int layer_;
  ggml_backend_dev_t device_;
  uint64_t bytes_ = 0, expert_bytes_ = 0;
};

}  // namespace

Model::Model(GgufFile file, std::shared_ptr<const Devices> devices, const Placement& placement,
             const Progress& progress)
    : file_(std::move(file)), devices_(std::move(devices)) {
  spec_ = read_spec(file_);
  spec_.router.fingerprint = [this] { return file_.fingerprint(); };
  require_usage(placement.n_gpu_layer == 0 || devices_->gpu(), "-ngl ", placement.n_gpu_layer,
                ": this build or machine has no GPU");
  require_model(
      !file_.tensor("blk.0.ffn_gate.0.weight"), file_.path(),
      ": one tensor an expert, the layout of early Mixtral files; convert it again with a current llama.cpp");
  WeightLoader loader(file_, *devices_, placement);
  layers_.resize(static_cast<size_t>(spec_.n_layer));
  const auto on_gpu = [&](int from_end) {
    return from_end < placement.n_gpu_layer ? devices_->gpu() : devices_->cpu();
  };

  for (const ggml_tensor* t : file_.tensors())
    if (is_left_out(spec_, t->name)) loader.leave_out(t->name);
  loader.expect(outer_tensors(spec_));
  const ggml_tensor* embd = loader.need("token_embd.weight");
  loader.place(&token_embd_, {embd}, WeightUse::other, devices_->cpu());
  for (int layer = 0; layer < spec_.n_layer; ++layer) {
    loader.expect(block_tensors(spec_, layer));
    layer_devices_.push_back(on_gpu(spec_.n_layer - 1 - layer));
    BlockDeclarer block(loader, spec_, layer, layer_devices_.back());
    LayerWeights& w = layers_[static_cast<size_t>(layer)];
    block.attention(w);
    if (spec_.moe_layer(layer))
      block.moe(w);
    else
      block.dense(w);
    weight_bytes_.dense += block.bytes();
    weight_bytes_.expert.push_back(block.expert_bytes());
  }
  const ggml_backend_dev_t head_device = on_gpu(spec_.n_layer);
  loader.place(&output_norm_, {loader.need("output_norm.weight")}, WeightUse::other, head_device);
  const ggml_tensor* head = loader.find("output.weight");
  loader.place(&output_, {head ? head : embd}, WeightUse::matrix,
               head_device);  // tied: the embeddings once more, packed
  weight_bytes_.head = ggml_nbytes(head ? head : embd);
  if (const ggml_tensor* table = loader.find("rope_freqs.weight")) {
    std::vector<float> factors = loader.host(table);
    for (size_t i = 0; i < factors.size(); ++i) {
      require_model(factors[i] > 0, loader.path(), ": rope_freqs.weight holds ", factors[i],
                    ", expected more than 0");
      if (!spec_.rope.factors.empty()) factors[i] *= spec_.rope.factors[i];  // beside a scaling of the keys
    }
    spec_.rope.factors = std::move(factors);
  }
  loader.load(contexts_, buffers_, progress);
  if (!spec_.rope.factors.empty()) add_rope_factors();
}

/// Frequencies come from a table of the file or from a scaling; either way they are a small tensor.
void Model::add_rope_factors() {
  contexts_.emplace_back(ggml_init({ggml_tensor_overhead() * 2, nullptr, true}));
  rope_factors_ = ggml_new_tensor_1d(contexts_.back().get(), GGML_TYPE_F32, spec_.rope.n_rot / 2);
  buffers_.emplace_back(ggml_backend_alloc_ctx_tensors_from_buft(
      contexts_.back().get(), ggml_backend_dev_buffer_type(devices_->cpu())));
  require(buffers_.back() != nullptr, "not enough memory for the rope factors");
  ggml_backend_tensor_set(rope_factors_, spec_.rope.factors.data(), 0, ggml_nbytes(rope_factors_));
}

std::map<std::pair<std::string, std::string>, uint64_t> Model::placement() const {
  std::map<std::pair<std::string, std::string>, uint64_t> sizes;
  for (size_t i = 0; i < buffers_.size(); ++i)
    for (ggml_tensor* t = ggml_get_first_tensor(contexts_[i].get()); t;
         t = ggml_get_next_tensor(contexts_[i].get(), t))
      sizes[{tensor_part(t->name), ggml_backend_buffer_name(buffers_[i].get())}] += ggml_nbytes(t);
  return sizes;
}

std::string Model::placement_text() const {
  std::map<std::string, uint64_t> sizes;
  for (const auto& [where, bytes] : placement()) sizes[where.second] += bytes;
  std::vector<std::string> parts;
  for (const auto& [name, size] : sizes) parts.push_back(cat(name, " ", bytes_text(size)));
  return join(parts, ", ");
}

void Model::head_columns(std::span<const float> hidden, std::span<const int> tokens,
                         std::span<float> out) const {
  const ggml_tensor* head = file_.tensor("output.weight");
  if (!head) head = file_.tensor("token_embd.weight");
  // The kernel's own arithmetic: the row in the type that the weight's dot product wants.
  const auto* traits = ggml_get_type_traits_cpu(head->type);
  const auto* row_traits = ggml_get_type_traits_cpu(traits->vec_dot_type);
  const int n = static_cast<int>(hidden.size());
  std::vector<std::byte> row(ggml_row_size(traits->vec_dot_type, n));
  if (traits->vec_dot_type == GGML_TYPE_F32)
    std::memcpy(row.data(), hidden.data(), hidden.size_bytes());
  else
    row_traits->from_float(hidden.data(), row.data(), n);
  const auto data = file_.data(head);
  for (size_t i = 0; i < tokens.size(); ++i)
    traits->vec_dot(n, &out[i], 0, data.data() + static_cast<size_t>(tokens[i]) * head->nb[1], 0, row.data(),
                    0, 1);
}

}  // namespace rouse
