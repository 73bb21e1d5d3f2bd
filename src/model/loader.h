/// model/loader.h - brings declared weights from the file to their devices: mapped where the kernels read the
/// file's layout, copied (merged, packed) where another layout is faster.
#pragma once

#include <map>
#include <set>

#include "model/weights.h"

namespace rouse {

class WeightLoader {
 public:
  WeightLoader(const GgufFile& file, const Devices& devices, const Placement& placement);

  /// The file's tensor of that name, or null. Marks it as used.
  const ggml_tensor* find(const std::string& name);
  /// The same, but it must exist with exactly these dimensions. Throws Error (exit 3).
  const ggml_tensor* need(const std::string& name, std::vector<int64_t> ne);
  const ggml_tensor* optional(const std::string& name, std::vector<int64_t> ne);

  /// Declares that `*slot` is to hold `sources`, stacked row-wise when there are several. Null sources are
  /// skipped.
  void place(ggml_tensor** slot, std::vector<const ggml_tensor*> sources, WeightUse use,
             ggml_backend_dev_t device);
  /// Allocates and fills everything that was declared. Refuses a file with tensors that nobody asked for.
  void load(std::vector<ggml_context_ptr>& contexts, std::vector<ggml_backend_buffer_ptr>& buffers,
            const Model::Progress& progress);
  /// The device of a tensor after -ot and -ncmoe; `fallback` otherwise.
  ggml_backend_dev_t device_of(const std::string& name, int layer, ggml_backend_dev_t fallback) const;

 private:
  struct Item {
    ggml_tensor** slot;
    std::vector<const ggml_tensor*> sources;
    ggml_backend_buffer_type_t type;
    bool mapped;
  };
  void upload(const Item& item) const;
  void refuse_unknown() const;

  const GgufFile& file_;
  const Devices& devices_;
  const Placement& placement_;
  std::set<std::string> used_;
  std::vector<Item> items_;
};

}  // namespace rouse
