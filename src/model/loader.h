/// model/loader.h - brings declared weights from the file to their devices: mapped where the kernels read the
/// file's layout, copied (merged, packed) where another layout is faster.
#pragma once

#include <map>
#include <set>

#include "model/model.h"
#include "model/tensors.h"

namespace rouse {

class WeightLoader {
 public:
  WeightLoader(const GgufFile& file, const Devices& devices, const Placement& placement);

  const std::string& path() const { return file_.path(); }
  /// Allows these tensors in the file, with these shapes.
  void expect(std::vector<TensorInfo> tensors);
  /// The file's tensor of that name, or null when the model has none such or the file leaves an optional one
  /// out. Throws Error (exit 3) when it is missing or has another shape.
  const ggml_tensor* find(const std::string& name);
  /// Tensors that are in the file and of no use.
  void leave_out(const std::string& name) { used_.insert(name); }
  /// The same as find, but it must be there.
  const ggml_tensor* need(const std::string& name);

  /// Declares that `*slot` is to hold `sources`, stacked along dimension `dim` when there are several. Null
  /// sources are skipped.
  void place(ggml_tensor** slot, std::vector<const ggml_tensor*> sources, WeightUse use,
             ggml_backend_dev_t device, int dim = 1);
  /// The elements of an F32 vector.
  std::vector<float> host(const ggml_tensor* vector) const;
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
    int dim;
    int mapped;  ///< part of the file that is used in place, or -1
  };
  static ggml_tensor stacked(const std::vector<const ggml_tensor*>& sources, int dim);
  void upload(const Item& item) const;

  const GgufFile& file_;
  const Devices& devices_;
  const Placement& placement_;
  std::map<std::string, TensorInfo> expected_;
  std::set<std::string> used_;
  std::vector<Item> items_;
};

}  // namespace rouse
