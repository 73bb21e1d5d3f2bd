#include "gguf/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "gguf/check.h"
#include "gguf/hash.h"

namespace rouse {

MappedFile::MappedFile(const std::string& path) : path_(path) {
  // Without waiting: a pipe that nobody writes to would block here.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  require_model(fd >= 0, path, ": cannot open: ", std::strerror(errno));
  struct stat info {};
  const char* wrong = fstat(fd, &info) != 0    ? "cannot be looked at"
                      : S_ISDIR(info.st_mode)  ? "is a directory, expected a GGUF file"
                      : !S_ISREG(info.st_mode) ? "is not a regular file, expected a GGUF file"
                      : info.st_size == 0      ? "is empty"
                                               : nullptr;
  if (wrong) {
    close(fd);
    throw Error(cat(path, ": ", wrong), ErrorKind::bad_model);
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

void MappedFile::forget(std::span<const std::byte> part) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(part.data() + part.size()) / page * page;
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

GgufFile::GgufFile(const std::string& path) : path_(path) {
  add_part(path);
  index_keys();
  if (integer("split.count").value_or(1) > 1) add_other_parts();
}

GgufFile::GgufFile(std::string label, gguf_context_ptr keys, ggml_context_ptr shapes)
    : path_(std::move(label)) {
  Part part{nullptr, std::move(keys), std::move(shapes)};
  add_tensors(part);
  parts_.push_back(std::move(part));
  index_keys();
}

void GgufFile::add_part(const std::string& path) {
  Part part;
  part.map = std::make_unique<MappedFile>(path);
  const auto bytes = part.map->bytes();
  check_gguf(bytes, path);
  ggml_context* context = nullptr;
  // From the mapped bytes that were just checked, not from the path again.
  part.gguf.reset(gguf_init_from_buffer(bytes.data(), bytes.size(), {.no_alloc = true, .ctx = &context}));
  part.shapes.reset(context);
  require_model(part.gguf != nullptr, path, ": ggml cannot read this GGUF file");
  add_tensors(part);
  parts_.push_back(std::move(part));
}

/// ggml's own look-ups go from end to end, so everything is found once, here.
void GgufFile::add_tensors(const Part& part) {
  const std::string& path = part.map ? part.map->path() : path_;
  int64_t id = 0;  // ggml keeps shapes in the order of the file
  for (ggml_tensor* t = ggml_get_first_tensor(part.shapes.get()); t;
       t = ggml_get_next_tensor(part.shapes.get(), t), ++id) {
    require_model(by_name_.emplace(t->name, t).second, path, ": tensor ", t->name,
                  " is already in another part");
    tensors_.push_back(t);
    if (!part.map) continue;
    const size_t begin = gguf_get_data_offset(part.gguf.get()) + gguf_get_tensor_offset(part.gguf.get(), id);
    home_[t] = {static_cast<int>(parts_.size()), part.map->bytes().subspan(begin, ggml_nbytes(t))};
  }
}

void GgufFile::index_keys() {
  for (size_t i = 0; i < n_key(); ++i) key_ids_.emplace(key_name(i), static_cast<int64_t>(i));
}

int64_t GgufFile::find(const std::string& key) const {
  const auto found = key_ids_.find(key);
  return found == key_ids_.end() ? -1 : found->second;
}

void GgufFile::add_other_parts() {
  constexpr int64_t kMaxParts = 1000;
  const int64_t count = *integer("split.count"), first = integer("split.no").value_or(0);
  require_model(count <= kMaxParts, path_, ": key split.count is ", count, ", expected at most ", kMaxParts);
  require_model(first == 0, path_, ": is part ", first + 1, " of ", count, "; give the first part");
  const auto suffix = [&](int64_t i) {
    char out[32];
    std::snprintf(out, sizeof out, "-%05d-of-%05d.gguf", static_cast<int>(i + 1), static_cast<int>(count));
    return std::string(out);
  };
  require_model(path_.ends_with(suffix(0)), path_, ": is the first of ", count,
                " parts, but its name does not end in ", suffix(0));
  const std::string prefix = path_.substr(0, path_.size() - suffix(0).size());
  for (int64_t i = 1; i < count; ++i) {
    const std::string path = prefix + suffix(i);
    add_part(path);
    gguf_context* g = parts_.back().gguf.get();
    const int64_t id = gguf_find_key(g, "split.no");
    require_model(id >= 0 && gguf_get_kv_type(g, id) == GGUF_TYPE_UINT16 && gguf_get_val_u16(g, id) == i,
                  path, ": key split.no does not say that this is part ", i + 1);
  }
  const int64_t wanted = integer("split.tensors.count").value_or(static_cast<int64_t>(tensors_.size()));
  require_model(wanted == static_cast<int64_t>(tensors_.size()), path_, ": its parts hold ", tensors_.size(),
                " tensors, expected ", wanted);
}

uint64_t GgufFile::n_byte() const {
  uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.map->bytes().size();
  return sum;
}

std::optional<int64_t> GgufFile::integer(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0) return std::nullopt;
  const gguf_context* g = gguf();
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
                  ErrorKind::bad_model);
  }
}

std::optional<double> GgufFile::real(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0) return std::nullopt;
  const gguf_type type = gguf_get_kv_type(gguf(), id);
  double value = 0;
  if (type == GGUF_TYPE_FLOAT32)
    value = gguf_get_val_f32(gguf(), id);
  else if (type == GGUF_TYPE_FLOAT64)
    value = gguf_get_val_f64(gguf(), id);
  else
    return static_cast<double>(*integer(key));
  require_model(value == value && value - value == 0, path_, ": key ", key, " is not a finite number");
  return value;
}

std::optional<bool> GgufFile::boolean(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0) return std::nullopt;
  require_model(gguf_get_kv_type(gguf(), id) == GGUF_TYPE_BOOL, path_, ": key ", key, " is a ",
                gguf_type_name(gguf_get_kv_type(gguf(), id)), ", expected a bool");
  return gguf_get_val_bool(gguf(), id);
}

std::optional<std::string> GgufFile::text(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0) return std::nullopt;
  require_model(gguf_get_kv_type(gguf(), id) == GGUF_TYPE_STRING, path_, ": key ", key, " is a ",
                gguf_type_name(gguf_get_kv_type(gguf(), id)), ", expected a string");
  return gguf_get_val_str(gguf(), id);
}

std::optional<int> GgufFile::array_type(const std::string& key) const {
  const int64_t id = find(key);
  if (id < 0 || gguf_get_kv_type(gguf(), id) != GGUF_TYPE_ARRAY) return std::nullopt;
  return gguf_get_arr_type(gguf(), id);
}

std::optional<size_t> GgufFile::array_length(const std::string& key) const {
  if (!array_type(key)) return std::nullopt;
  return gguf_get_arr_n(gguf(), find(key));
}

std::string GgufFile::array_text(const std::string& key, size_t i) const {
  return gguf_get_arr_str(gguf(), find(key), i);
}

std::vector<std::string_view> GgufFile::texts(const std::string& key) const {
  require_model(array_type(key) == GGUF_TYPE_STRING, path_, ": key ", key, " is not an array of strings");
  std::vector<std::string_view> out(*array_length(key));
  for (size_t i = 0; i < out.size(); ++i) out[i] = gguf_get_arr_str(gguf(), find(key), i);
  return out;
}

std::vector<int64_t> GgufFile::integers(const std::string& key) const {
  const int64_t id = find(key);
  const int type = array_type(key).value_or(-1);
  std::vector<int64_t> out;
  const auto read = [&](auto example) {
    const size_t n = gguf_get_arr_n(gguf(), id);
    const void* data = n ? gguf_get_arr_data(gguf(), id) : nullptr;
    for (size_t i = 0; i < n; ++i)
      out.push_back(static_cast<int64_t>(static_cast<const decltype(example)*>(data)[i]));
  };
  switch (type) {
    case GGUF_TYPE_BOOL:
    case GGUF_TYPE_INT8:
      read(int8_t{});
      break;
    case GGUF_TYPE_UINT8:
      read(uint8_t{});
      break;
    case GGUF_TYPE_INT16:
      read(int16_t{});
      break;
    case GGUF_TYPE_UINT16:
      read(uint16_t{});
      break;
    case GGUF_TYPE_INT32:
      read(int32_t{});
      break;
    case GGUF_TYPE_UINT32:
      read(uint32_t{});
      break;
    case GGUF_TYPE_INT64:
    case GGUF_TYPE_UINT64:
      read(int64_t{});
      break;
    default:
      throw Error(cat(path_, ": key ", key, " is not an array of integers"), ErrorKind::bad_model);
  }
  return out;
}

void GgufFile::copy_keys(gguf_context* to, const std::string& prefix) const {
  gguf_set_kv(to, gguf());
  for (size_t i = 0; i < n_key(); ++i)
    if (!key_name(i).starts_with(prefix)) gguf_remove_key(to, key_name(i).c_str());
}

std::string GgufFile::key_text(size_t i) const {
  const std::string key = key_name(i);
  const auto id = static_cast<int64_t>(i);
  switch (gguf_get_kv_type(gguf(), id)) {
    case GGUF_TYPE_STRING: {
      std::string value = gguf_get_val_str(gguf(), id);
      if (value.size() > 60) value = value.substr(0, complete_utf8_prefix(value.substr(0, 57))) + "...";
      return value;
    }
    case GGUF_TYPE_ARRAY:
      return cat("[", gguf_get_arr_n(gguf(), id), " x ", gguf_type_name(gguf_get_arr_type(gguf(), id)), "]");
    case GGUF_TYPE_BOOL:
      return gguf_get_val_bool(gguf(), id) ? "true" : "false";
    case GGUF_TYPE_FLOAT32:
      return cat(gguf_get_val_f32(gguf(), id));
    case GGUF_TYPE_FLOAT64:
      return cat(gguf_get_val_f64(gguf(), id));
    default:
      return cat(*integer(key));
  }
}

const ggml_tensor* GgufFile::tensor(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::span<const std::byte> GgufFile::data(const ggml_tensor* tensor) const {
  return home_.at(tensor).data;
}

std::string GgufFile::fingerprint() const {
  constexpr size_t kEdge = 64 * 1024;
  Sha256 hash;
  for (const Part& part : parts_) hash.add(part.map->bytes().first(gguf_get_data_offset(part.gguf.get())));
  for (const ggml_tensor* t : tensors_) {
    const auto all = data(t);
    hash.add(all.first(std::min(kEdge, all.size())));
    hash.add(all.last(std::min(kEdge, all.size())));
  }
  return hash.hex();
}

}  // namespace rouse
