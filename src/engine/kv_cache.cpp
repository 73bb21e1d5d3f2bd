#include "engine/kv_cache.h"

#include <map>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

KvCache::KvCache(const Model& model, const KvCells& all, ggml_type cache_type, bool windows)
    : cells(all), type(cache_type) {
  const ModelSpec& spec = model.spec();
  std::map<ggml_backend_dev_t, std::vector<int>> by_device;
  for (int layer = 0; layer < spec.n_layer; ++layer) by_device[model.device(layer)].push_back(layer);
  k.resize(static_cast<size_t>(spec.n_layer));
  v.resize(static_cast<size_t>(spec.n_layer));
  for (const auto& [device, layers] : by_device) {
    contexts_.emplace_back(ggml_init({ggml_tensor_overhead() * 2 * (layers.size() + 1), nullptr, true}));
    for (const int layer : layers) {
      k[static_cast<size_t>(layer)] =
          ggml_new_tensor_2d(contexts_.back().get(), type, spec.attention.n_embd_k(), cells.n_cell());
      // With absorbed latent attention a value is the first part of its key.
      v[static_cast<size_t>(layer)] =
          spec.attention.values_in_keys()
              ? k[static_cast<size_t>(layer)]
              : ggml_new_tensor_2d(contexts_.back().get(), type, spec.attention.n_embd_v(), cells.n_cell());
    }
    buffers_.emplace_back(ggml_backend_alloc_ctx_tensors_from_buft(contexts_.back().get(),
                                                                   ggml_backend_dev_buffer_type(device)));
    require(buffers_.back() != nullptr, "not enough memory for a KV cache of ", cells.n_cell(),
            " cells; lower -c");
    // Zero: a masked cell is multiplied by 0, and 0 x garbage can be NaN.
    if (windows) ggml_backend_buffer_clear(buffers_.back().get(), 0);
    n_byte += ggml_backend_buffer_get_size(buffers_.back().get());
  }
}

}  // namespace rouse
