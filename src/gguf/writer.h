/// gguf/writer.h - a GGUF file written tensor by tensor, so that its data need not fit in memory.
#pragma once

#include <functional>

#include "gguf/file.h"

namespace rouse {

class GgufWriter {
 public:
  explicit GgufWriter(size_t n_tensor);  ///< at most so many
  gguf_context* keys() { return gguf_.get(); }
  /// Declares the next tensor.
  void add(const std::string& name, ggml_type type, const std::vector<int64_t>& ne);
  /// The declared tensors, in order, without data; valid as long as the writer.
  const std::vector<const ggml_tensor*>& tensors() const { return tensors_; }
  /// Writes the file, whole or not at all: data(i) gives the bytes of the i-th tensor, and may throw to stop.
  /// Returns the bytes of all tensors.
  uint64_t write(const std::string& path, const std::function<std::span<const std::byte>(size_t)>& data);

 private:
  gguf_context_ptr gguf_;
  ggml_context_ptr context_;
  std::vector<const ggml_tensor*> tensors_;
};

}  // namespace rouse
