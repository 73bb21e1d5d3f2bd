/// tests/edited.h - golden files with other keys or tensors.
#pragma once

#include "support.h"

namespace rouse {

/// A copy of a golden file with other keys or tensors.
class Edited {
 public:
  /// A golden file by its name, or any by its path.
  explicit Edited(const std::string& file) {
    const std::string path = file.find('/') == std::string::npos ? golden(file) : file;
    ggml_context* context = nullptr;
    source_.reset(gguf_init_from_file(path.c_str(), {false, &context}));
    data_.reset(context);
    gguf_.reset(gguf_init_empty());
    gguf_set_kv(gguf_.get(), source_.get());
    for (ggml_tensor* t = ggml_get_first_tensor(context); t; t = ggml_get_next_tensor(context, t))
      if (gguf_find_tensor(source_.get(), t->name) >= 0) tensors_.push_back(t);  // not ggml's own data blob
  }
  gguf_context* keys() { return gguf_.get(); }
  std::vector<ggml_tensor*>& tensors() { return tensors_; }
  void drop(const std::string& name) {
    std::erase_if(tensors_, [&](const ggml_tensor* t) { return t->name == name; });
  }
  bool has(const std::string& name) const {
    return std::any_of(tensors_.begin(), tensors_.end(), [&](const auto* t) { return t->name == name; });
  }
  ggml_tensor* find(const std::string& name) {
    for (ggml_tensor* t : tensors_)
      if (t->name == name) return t;
    ADD_FAILURE() << name;
    return nullptr;
  }
  /// Keys and shapes without data.
  GgufFile header() const {
    gguf_context_ptr keys(gguf_init_empty());
    gguf_set_kv(keys.get(), gguf_.get());
    ggml_context_ptr shapes(ggml_init({ggml_tensor_overhead() * (tensors_.size() + 1), nullptr, true}));
    for (const ggml_tensor* t : tensors_)
      ggml_set_name(ggml_new_tensor(shapes.get(), t->type, GGML_MAX_DIMS, t->ne), t->name);
    return GgufFile("m.gguf", std::move(keys), std::move(shapes));
  }
  /// Puts another tensor in the place of `t`: the same numbers in another type, or zeros.
  void convert(ggml_tensor* t, ggml_type type, bool keep_numbers = true) {
    converted_.emplace_back(
        ggml_init({ggml_tensor_overhead() + ggml_row_size(type, ggml_nelements(t)) + 64, nullptr, false}));
    ggml_tensor* out = ggml_new_tensor(converted_.back().get(), type, GGML_MAX_DIMS, t->ne);
    ggml_set_name(out, t->name);
    std::memset(out->data, 0, ggml_nbytes(out));
    if (keep_numbers && (ggml_is_quantized(type) || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16))
      ggml_quantize_chunk(type, static_cast<const float*>(t->data), out->data, 0, ggml_nrows(t), t->ne[0],
                          nullptr);
    std::replace(tensors_.begin(), tensors_.end(), t, out);
  }
  /// Writes tensors [begin, end) with the keys.
  void write(const std::string& path, size_t begin = 0, size_t end = SIZE_MAX) {
    const gguf_context_ptr out(gguf_init_empty());
    gguf_set_kv(out.get(), gguf_.get());
    for (size_t i = begin; i < std::min(end, tensors_.size()); ++i) gguf_add_tensor(out.get(), tensors_[i]);
    ASSERT_TRUE(gguf_write_to_file(out.get(), path.c_str(), false));
  }

 private:
  gguf_context_ptr source_, gguf_;
  ggml_context_ptr data_;
  std::vector<ggml_context_ptr> converted_;
  std::vector<ggml_tensor*> tensors_;
};

}  // namespace rouse
