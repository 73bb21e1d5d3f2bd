/// engine/kv_cache.h - the keys and values of every cell, layer by layer, on the layer's device.
#pragma once

#include <vector>

#include "engine/kv_cells.h"
#include "model/model.h"

namespace rouse {

struct KvCache {
  /// For these cells, whole attention windows of them. type: F16 or F32. `windows`: attention will read cells
  /// that hold nothing, so they must be zeros; else memory is taken as cells are used. Throws Error when
  /// memory runs out.
  KvCache(const Model& model, const KvCells& cells, ggml_type type, bool windows);

  const KvCells& cells;
  std::vector<ggml_tensor*> k, v;  ///< [n_layer]: [n_embd_k, n_cell], [n_embd_v, n_cell]; v may be k
  ggml_type type;
  uint64_t n_byte = 0;

 private:
  std::vector<ggml_context_ptr> contexts_;
  std::vector<ggml_backend_buffer_ptr> buffers_;
};

}  // namespace rouse
