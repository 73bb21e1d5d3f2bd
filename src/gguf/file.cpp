#include "gguf/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "gguf/check.h"

namespace rouse {

MappedFile::MappedFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require_model(fd >= 0, path, ": cannot open: ", std::strerror(errno));
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
    const bool directory = S_ISDIR(info.st_mode);
    close(fd);
    throw Error(
        cat(path, directory ? ": is a directory, expected a GGUF file" : ": is empty or no regular file"),
        Exit::bad_model);
  }
  size_ = static_cast<size_t>(info.st_size);
  base_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  close(fd);
  require_model(base_ != MAP_FAILED, path, ": cannot map: ", std::strerror(error));
}

MappedFile::~MappedFile() {
  if (base_ != MAP_FAILED) munmap(base_, size_);
}

void MappedFile::forget(std::span<const std::byte> part) const {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(part.data() + part.size()) / page * page;
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

GgufFile::GgufFile(const std::string& path) : path_(path), map_(path) {
  check_gguf(map_.bytes(), path);
  ggml_context* context = nullptr;
  // From the mapped bytes that were just checked, not from the path again.
  gguf_.reset(
      gguf_init_from_buffer(map_.bytes().data(), map_.bytes().size(), {.no_alloc = true, .ctx = &context}));
  context_.reset(context);
  require_model(gguf_ != nullptr, path, ": ggml cannot read this GGUF file");
  for (ggml_tensor* t = ggml_get_first_tensor(context); t; t = ggml_get_next_tensor(context, t))
    tensors_.push_back(t);
}

std::optional<int64_t> GgufFile::integer(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0) return std::nullopt;
  const gguf_context* g = gguf_.get();
  switch (gguf_get_kv_type(g, id)) {
    case GGUF_TYPE_UINT8:
      return gguf_get_val_u8(g, id);
    case GGUF_TYPE_INT8:
      return gguf_get_val_i8(g, id);
    case GGUF_TYPE_UINT16:
      return gguf_get_val_u16(g, id);
    case GGUF_TYPE_INT16:
      return gguf_get_val_i16(g, id);
    case GGUF_TYPE_UINT32:
      return gguf_get_val_u32(g, id);
    case GGUF_TYPE_INT32:
      return gguf_get_val_i32(g, id);
    case GGUF_TYPE_INT64:
      return gguf_get_val_i64(g, id);
    case GGUF_TYPE_UINT64: {
      const uint64_t value = gguf_get_val_u64(g, id);
      require_model(value <= INT64_MAX, path_, ": key ", key, " is ", value, ", far out of range");
      return static_cast<int64_t>(value);
    }
    default:
      throw Error(cat(path_, ": key ", key, " is a ", gguf_type_name(gguf_get_kv_type(g, id)),
                      ", expected an integer"),
                  Exit::bad_model);
  }
}

std::optional<double> GgufFile::real(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0) return std::nullopt;
  const gguf_type type = gguf_get_kv_type(gguf_.get(), id);
  double value = 0;
  if (type == GGUF_TYPE_FLOAT32)
    value = gguf_get_val_f32(gguf_.get(), id);
  else if (type == GGUF_TYPE_FLOAT64)
    value = gguf_get_val_f64(gguf_.get(), id);
  else
    return static_cast<double>(*integer(key));
  require_model(value == value && value - value == 0, path_, ": key ", key, " is not a finite number");
  return value;
}

std::optional<bool> GgufFile::boolean(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0) return std::nullopt;
  require_model(gguf_get_kv_type(gguf_.get(), id) == GGUF_TYPE_BOOL, path_, ": key ", key, " is a ",
                gguf_type_name(gguf_get_kv_type(gguf_.get(), id)), ", expected a bool");
  return gguf_get_val_bool(gguf_.get(), id);
}

std::optional<std::string> GgufFile::text(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0) return std::nullopt;
  require_model(gguf_get_kv_type(gguf_.get(), id) == GGUF_TYPE_STRING, path_, ": key ", key, " is a ",
                gguf_type_name(gguf_get_kv_type(gguf_.get(), id)), ", expected a string");
  return gguf_get_val_str(gguf_.get(), id);
}

std::optional<int> GgufFile::array_type(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0 || gguf_get_kv_type(gguf_.get(), id) != GGUF_TYPE_ARRAY) return std::nullopt;
  return gguf_get_arr_type(gguf_.get(), id);
}

std::optional<size_t> GgufFile::array_length(const std::string& key) const {
  if (!array_type(key)) return std::nullopt;
  return gguf_get_arr_n(gguf_.get(), find(key));
}

std::string GgufFile::array_text(const std::string& key, size_t i) const {
  return gguf_get_arr_str(gguf_.get(), find(key), i);
}

std::string GgufFile::key_text(size_t i) const {
  const std::string key = key_name(i);
  const auto id = static_cast<int64_t>(i);
  switch (gguf_get_kv_type(gguf_.get(), id)) {
    case GGUF_TYPE_STRING: {
      std::string value = gguf_get_val_str(gguf_.get(), id);
      std::replace(value.begin(), value.end(), '\n', ' ');
      if (value.size() > 60) value = value.substr(0, complete_utf8_prefix(value.substr(0, 57))) + "...";
      return value;
    }
    case GGUF_TYPE_ARRAY:
      return cat("[", gguf_get_arr_n(gguf_.get(), id), " x ",
                 gguf_type_name(gguf_get_arr_type(gguf_.get(), id)), "]");
    case GGUF_TYPE_BOOL:
      return gguf_get_val_bool(gguf_.get(), id) ? "true" : "false";
    case GGUF_TYPE_FLOAT32:
      return cat(gguf_get_val_f32(gguf_.get(), id));
    case GGUF_TYPE_FLOAT64:
      return cat(gguf_get_val_f64(gguf_.get(), id));
    default:
      return cat(*integer(key));
  }
}

const ggml_tensor* GgufFile::tensor(const std::string& name) const {
  return ggml_get_tensor(context_.get(), name.c_str());
}

std::span<const std::byte> GgufFile::data(const ggml_tensor* tensor) const {
  const int64_t id = gguf_find_tensor(gguf_.get(), tensor->name);
  const size_t begin = gguf_get_data_offset(gguf_.get()) + gguf_get_tensor_offset(gguf_.get(), id);
  return map_.bytes().subspan(begin, ggml_nbytes(tensor));
}

std::string GgufFile::fingerprint() const {
  constexpr size_t kEdge = 64 * 1024;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  const auto add = [&](std::span<const std::byte> part) {
    EVP_DigestUpdate(digest.get(), part.data(), part.size());
  };
  add(map_.bytes().first(gguf_get_data_offset(gguf_.get())));
  for (const ggml_tensor* t : tensors_) {
    const auto all = data(t);
    add(all.first(std::min(kEdge, all.size())));
    add(all.last(std::min(kEdge, all.size())));
  }
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(digest.get(), hash, &length);
  std::string out;
  for (unsigned i = 0; i < length; ++i) {
    constexpr char kHex[] = "0123456789abcdef";
    out += kHex[hash[i] >> 4];
    out += kHex[hash[i] & 15];
  }
  return out;
}

}  // namespace rouse
