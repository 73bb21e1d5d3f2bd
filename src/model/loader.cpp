#include "model/loader.h"

#include <cstring>
#include <regex>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

static std::string shape_text(const int64_t* ne, int n) {
  std::vector<std::string> parts;
  for (int i = 0; i < n; ++i) parts.push_back(cat(ne[i]));
  return cat("[", join(parts, ", "), "]");
}

WeightLoader::WeightLoader(const GgufFile& file, const Devices& devices, const Placement& placement)
    : file_(file), devices_(devices), placement_(placement) {}

const ggml_tensor* WeightLoader::find(const std::string& name) {
  const ggml_tensor* t = file_.tensor(name);
  if (t) used_.insert(name);
  return t;
}

const ggml_tensor* WeightLoader::optional(const std::string& name, std::vector<int64_t> ne) {
  const ggml_tensor* t = find(name);
  if (!t) return nullptr;
  std::vector<int64_t> full = ne;
  full.resize(GGML_MAX_DIMS, 1);
  require_model(std::equal(full.begin(), full.end(), t->ne), file_.path(), ": ", name, " is ",
                shape_text(t->ne, ggml_n_dims(t)), ", expected ",
                shape_text(ne.data(), static_cast<int>(ne.size())));
  return t;
}

const ggml_tensor* WeightLoader::need(const std::string& name, std::vector<int64_t> ne) {
  const ggml_tensor* t = optional(name, std::move(ne));
  require_model(t != nullptr, file_.path(), ": tensor ", name, " is missing");
  return t;
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

void WeightLoader::place(ggml_tensor** slot, std::vector<const ggml_tensor*> sources, WeightUse use,
                         ggml_backend_dev_t device) {
  std::erase(sources, nullptr);
  if (sources.empty()) return;
  // The kernels of a packed layout look at the whole product, so ask about the merged shape.
  ggml_tensor merged = *sources[0];
  for (size_t i = 1; i < sources.size(); ++i) merged.ne[1] += sources[i]->ne[1];
  const ggml_backend_buffer_type_t type = devices_.buffer_type(device, &merged, use);
  const bool aligned = reinterpret_cast<uintptr_t>(file_.data(sources[0]).data()) % 32 == 0;
  const bool mapped = sources.size() == 1 && aligned && type == ggml_backend_dev_buffer_type(devices_.cpu());
  items_.push_back({slot, std::move(sources), type, mapped});
}

void WeightLoader::refuse_unknown() const {
  for (const ggml_tensor* t : file_.tensors())
    require_model(used_.count(t->name), file_.path(), ": tensor ", t->name, " is not part of architecture ",
                  file_.text("general.architecture").value_or("?"), " as rouse knows it");
}

void WeightLoader::upload(const Item& item) const {
  ggml_tensor* t = *item.slot;
  if (item.sources.size() == 1) {
    const auto data = file_.data(item.sources[0]);
    ggml_backend_tensor_set(t, data.data(), 0, data.size());
    file_.map().forget(data);
    return;
  }
  // Row-wise stack, matrix by matrix: expert e of the result holds expert e of each source in turn.
  std::vector<std::byte> whole(ggml_nbytes(t));
  size_t at = 0;
  for (int64_t matrix = 0; matrix < t->ne[2]; ++matrix)
    for (const ggml_tensor* source : item.sources) {
      const auto part =
          file_.data(source).subspan(static_cast<size_t>(matrix) * source->nb[2], source->nb[2]);
      std::memcpy(whole.data() + at, part.data(), part.size());
      at += part.size();
    }
  ggml_backend_tensor_set(t, whole.data(), 0, whole.size());  // whole: packed buffers take no parts
  for (const ggml_tensor* source : item.sources) file_.map().forget(file_.data(source));
}

void WeightLoader::load(std::vector<ggml_context_ptr>& contexts,
                        std::vector<ggml_backend_buffer_ptr>& buffers, const Model::Progress& progress) {
  refuse_unknown();
  std::map<std::pair<ggml_backend_buffer_type_t, bool>, std::vector<Item*>> groups;
  for (Item& item : items_) groups[{item.type, item.mapped}].push_back(&item);
  const auto whole = file_.map().bytes();
  uint64_t done = 0;
  for (auto& [key, items] : groups) {
    contexts.emplace_back(ggml_init({ggml_tensor_overhead() * (items.size() + 1), nullptr, true}));
    ggml_context* g = contexts.back().get();
    for (Item* item : items) {
      ggml_tensor shape = *item->sources[0];
      for (size_t i = 1; i < item->sources.size(); ++i) shape.ne[1] += item->sources[i]->ne[1];
      *item->slot = ggml_new_tensor(g, shape.type, GGML_MAX_DIMS, shape.ne);
      ggml_set_name(*item->slot, shape.name);
    }
    if (key.second) {
      auto* base = const_cast<std::byte*>(whole.data());  // read-only in fact: the kernels only read weights
      buffers.emplace_back(
          ggml_backend_dev_buffer_from_host_ptr(devices_.cpu(), base, whole.size(), whole.size()));
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
        if (progress) progress(static_cast<double>(done) / static_cast<double>(whole.size()));
      }
    }
    ggml_backend_buffer_set_usage(buffers.back().get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  }
  if (progress) progress(1.0);
}

}  // namespace rouse
