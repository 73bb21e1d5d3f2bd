/// gguf/file.h - an open GGUF file: typed keys, the tensor directory, and the bytes themselves by mmap.
#pragma once

#include <ggml-cpp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace rouse {

/// A file mapped read-only for as long as the object lives.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(base_), size_}; }
  /// Lets the kernel drop pages that were copied elsewhere, so that they do not count as resident memory.
  static void forget(std::span<const std::byte> part);

 private:
  std::string path_;
  void* base_ = nullptr;
  size_t size_ = 0;
};

class GgufFile {
 public:
  /// Checks the whole header first (gguf/check.h). A split file (-00001-of-0000N.gguf) brings its other
  /// parts. Throws Error, exit 3.
  explicit GgufFile(const std::string& path);
  /// Keys and tensor shapes without data, as `rouse synth` plans a file. `label` opens error messages.
  GgufFile(std::string label, gguf_context_ptr keys, ggml_context_ptr shapes);

  const std::string& path() const { return path_; }
  int n_part() const { return static_cast<int>(parts_.size()); }
  /// The bytes of a part, as mapped.
  std::span<const std::byte> part(int i) const { return parts_[static_cast<size_t>(i)].map->bytes(); }
  int part_of(const ggml_tensor* tensor) const { return home_.at(tensor).part; }
  /// Of all parts.
  uint64_t n_byte() const;
  size_t n_key() const { return static_cast<size_t>(gguf_get_n_kv(gguf())); }
  std::string key_name(size_t i) const { return gguf_get_key(gguf(), static_cast<int64_t>(i)); }
  gguf_type key_type(size_t i) const { return gguf_get_kv_type(gguf(), static_cast<int64_t>(i)); }
  /// The value as text, arrays shortened; for people to read.
  std::string key_text(size_t i) const;

  bool has(const std::string& key) const { return find(key) >= 0; }
  /// The value of `key`, of any integer width; absent gives nothing. A value of another kind throws, naming
  /// the key.
  std::optional<int64_t> integer(const std::string& key) const;
  std::optional<double> real(const std::string& key) const;
  std::optional<bool> boolean(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  /// Number of entries of an array key; nothing when absent or no array.
  std::optional<size_t> array_length(const std::string& key) const;
  /// Element type of an array key (gguf_type), or nothing.
  std::optional<int> array_type(const std::string& key) const;
  std::string array_text(const std::string& key, size_t i) const;
  /// The entries of an array of strings, valid as long as the file. Throws when it is no such array.
  std::vector<std::string_view> texts(const std::string& key) const;
  /// The entries of an array key of any kind of integers or bools. Throws when it is no such array.
  std::vector<int64_t> integers(const std::string& key) const;
  /// Sets every key that begins with `prefix` in `to`.
  void copy_keys(gguf_context* to, const std::string& prefix = "") const;

  /// The tensors in file order: views without data, valid as long as the file.
  const std::vector<const ggml_tensor*>& tensors() const { return tensors_; }
  const ggml_tensor* tensor(const std::string& name) const;
  std::span<const std::byte> data(const ggml_tensor* tensor) const;

  /// Identity of the weights: sha256 (hex) of the header and of the first and last 64 KiB of each tensor.
  std::string fingerprint() const;

 private:
  struct Part {
    std::unique_ptr<MappedFile> map;  ///< null for a plan
    gguf_context_ptr gguf;
    ggml_context_ptr shapes;
  };
  /// Where a tensor's bytes are.
  struct Home {
    int part;
    std::span<const std::byte> data;
  };
  void add_part(const std::string& path);
  void add_other_parts();
  void add_tensors(const Part& part);
  void index_keys();
  gguf_context* gguf() const { return parts_[0].gguf.get(); }
  int64_t find(const std::string& key) const;

  std::string path_;
  std::vector<Part> parts_;
  std::vector<const ggml_tensor*> tensors_;
  std::unordered_map<std::string, const ggml_tensor*> by_name_;
  std::unordered_map<const ggml_tensor*, Home> home_;
  std::unordered_map<std::string, int64_t> key_ids_;
};

}  // namespace rouse
