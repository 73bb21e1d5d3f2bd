#include "model/loader.h"

#include <cstring>
#include <regex>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

WeightLoader::WeightLoader(const GgufFile& file, const Devices& devices, const Placement& placement)
    : file_(file), devices_(devices), placement_(placement) {}

void WeightLoader::expect(std::vector<TensorInfo> tensors) {
  for (TensorInfo& info : tensors) expected_.insert_or_assign(info.name, std::move(info));
}

const ggml_tensor* WeightLoader::find(const std::string& name) {
  const auto info = expected_.find(name);
  if (info == expected_.end()) return nullptr;
  const ggml_tensor* t = find_tensor(file_, info->second);
  if (t) used_.insert(name);
  return t;
}

const ggml_tensor* WeightLoader::need(const std::string& name) {
  const ggml_tensor* t = find(name);
  require_model(t != nullptr, file_.path(), ": tensor ", name, " is missing");
  return t;
}

std::vector<float> WeightLoader::host(const ggml_tensor* vector) const {
  std::vector<float> out(static_cast<size_t>(ggml_nelements(vector)));
  const auto data = file_.data(vector);
  require(vector->type == GGML_TYPE_F32 && data.size() == out.size() * sizeof(float), file_.path(), ": ",
          vector->name, " is not a vector of f32");
  std::memcpy(out.data(), data.data(), data.size());
  for (const float x : out)
    require_model(x - x == 0, file_.path(), ": ", vector->name, " holds a number that is not finite");
  return out;
}

ggml_backend_dev_t WeightLoader::device_of(const std::string& name, int layer,
                                           ggml_backend_dev_t fallback) const {
  for (const auto& [pattern, device] : placement_.overrides)
    if (std::regex_search(name, std::regex(pattern))) {
      require_usage(device == "CPU" || devices_.gpu(), "-ot ", pattern, "=", device,
                    ": this build or machine has no GPU");
      return device == "CPU" ? devices_.cpu() : devices_.gpu();
    }
  const bool expert = name.find("_exps") != std::string::npos;
  if (expert && layer < placement_.n_cpu_moe) return devices_.cpu();
  return fallback;
}

/// Shape and type of several tensors stacked along `dim`: of one type, and alike in every other dimension.
ggml_tensor WeightLoader::stacked(const std::vector<const ggml_tensor*>& sources, int dim) {
  ggml_tensor whole = *sources[0];
  for (const ggml_tensor* source : sources) {
    bool alike = source->type == whole.type;
    for (int d = 0; d < GGML_MAX_DIMS; ++d) alike &= d == dim || source->ne[d] == whole.ne[d];
    require(alike, source->name, " cannot be stacked with ", sources[0]->name);
    if (source != sources[0]) whole.ne[dim] += source->ne[dim];
  }
  return whole;
}

void WeightLoader::place(ggml_tensor** slot, std::vector<const ggml_tensor*> sources, WeightUse use,
                         ggml_backend_dev_t device, int dim) {
  std::erase(sources, nullptr);
  if (sources.empty()) return;
  // The kernels of a packed layout look at the whole product, so ask about the merged shape.
  const ggml_tensor merged = stacked(sources, dim);
  const ggml_backend_buffer_type_t type = devices_.buffer_type(device, &merged, use);
  const bool aligned = reinterpret_cast<uintptr_t>(file_.data(sources[0]).data()) % 32 == 0;
  const bool mapped = sources.size() == 1 && aligned && type == ggml_backend_dev_buffer_type(devices_.cpu());
  const int part = mapped ? file_.part_of(sources[0]) : -1;
  items_.push_back({slot, std::move(sources), type, dim, part});
}

void WeightLoader::upload(const Item& item) const {
  ggml_tensor* t = *item.slot;
  size_t n_byte = 0;
  for (const ggml_tensor* source : item.sources) n_byte += file_.data(source).size();
  require(n_byte == ggml_nbytes(t), file_.path(), ": ", t->name, " takes ", ggml_nbytes(t),
          " bytes, the file has ", n_byte);
  if (item.sources.size() == 1) {
    const auto data = file_.data(item.sources[0]);
    ggml_backend_tensor_set(t, data.data(), 0, data.size());
    MappedFile::forget(data);
    return;
  }
  // Chunk by chunk: expert e of the result holds expert e of each source in turn.
  std::vector<std::byte> whole(n_byte);
  const auto n_chunk = ggml_nbytes(item.sources[0]) / item.sources[0]->nb[item.dim + 1];
  size_t at = 0;
  for (size_t chunk = 0; chunk < n_chunk; ++chunk)
    for (const ggml_tensor* source : item.sources) {
      const size_t size = source->nb[item.dim + 1];
      std::memcpy(whole.data() + at, file_.data(source).data() + chunk * size, size);
      at += size;
    }
  ggml_backend_tensor_set(t, whole.data(), 0, whole.size());  // whole: packed buffers take no parts
  for (const ggml_tensor* source : item.sources) MappedFile::forget(file_.data(source));
}

void WeightLoader::load(std::vector<ggml_context_ptr>& contexts,
                        std::vector<ggml_backend_buffer_ptr>& buffers, const Model::Progress& progress) {
  for (const ggml_tensor* t : file_.tensors())
    if (!used_.count(t->name)) refuse_tensor(file_, t);
  std::map<std::pair<ggml_backend_buffer_type_t, int>, std::vector<Item*>> groups;
  for (Item& item : items_) groups[{item.type, item.mapped}].push_back(&item);
  uint64_t done = 0;
  for (auto& [key, items] : groups) {
    contexts.emplace_back(ggml_init({ggml_tensor_overhead() * (items.size() + 1), nullptr, true}));
    ggml_context* g = contexts.back().get();
    for (Item* item : items) {
      const ggml_tensor shape = stacked(item->sources, item->dim);
      *item->slot = ggml_new_tensor(g, shape.type, GGML_MAX_DIMS, shape.ne);
      ggml_set_name(*item->slot, shape.name);
    }
    if (key.second >= 0) {
      const auto part = file_.part(key.second);
      auto* base = const_cast<std::byte*>(part.data());  // read-only in fact: the kernels only read weights
      buffers.emplace_back(
          ggml_backend_dev_buffer_from_host_ptr(devices_.cpu(), base, part.size(), part.size()));
      for (Item* item : items) {
        auto* data = const_cast<std::byte*>(file_.data(item->sources[0]).data());
        ggml_backend_tensor_alloc(buffers.back().get(), *item->slot, data);
      }
    } else {
      buffers.emplace_back(ggml_backend_alloc_ctx_tensors_from_buft(g, key.first));
      require(buffers.back() != nullptr, file_.path(), ": not enough memory in ",
              ggml_backend_buft_name(key.first), " for the weights");
      for (Item* item : items) {
        upload(*item);
        done += ggml_nbytes(*item->slot);
        if (progress) progress(static_cast<double>(done) / static_cast<double>(file_.n_byte()));
      }
    }
    ggml_backend_buffer_set_usage(buffers.back().get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  }
  if (progress) progress(1.0);
}

}  // namespace rouse
