#include "gguf/check.h"

#include <ggml.h>
#include <gguf.h>

#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

/// Reads forward through the header; never past its end.
class Cursor {
 public:
  Cursor(std::span<const std::byte> file, const std::string& name) : file_(file), name_(name) {}

  template <class T>
  T number(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }
  std::string_view text(uint64_t cap, const char* what) {
    const auto length = number<uint64_t>(what);
    if (length > cap) fail(what, " is ", length, " bytes long, the limit is ", cap);
    return {reinterpret_cast<const char*>(take(length, what)), static_cast<size_t>(length)};
  }
  /// A text that ggml hands out as a C string.
  std::string_view name(uint64_t cap, const char* what) {
    const std::string_view out = text(cap, what);
    if (out.find('\0') != std::string_view::npos) fail(what, " holds a NUL byte: ", out);
    return out;
  }
  const std::byte* take(uint64_t n_byte, const char* what) {
    if (n_byte > file_.size() - at_) fail("the file ends inside ", what, " at byte ", at_);
    const std::byte* begin = file_.data() + at_;
    at_ += n_byte;
    return begin;
  }
  uint64_t at() const { return at_; }

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw Error(cat(name_, ": not a usable GGUF file: ", parts...), ErrorKind::bad_model);
  }

 private:
  std::span<const std::byte> file_;
  const std::string& name_;
  uint64_t at_ = 0;
};

/// Bytes of one value of a fixed-size metadata type; 0 for strings, arrays and unknown types.
uint64_t scalar_bytes(uint32_t type) {
  switch (type) {
    case GGUF_TYPE_UINT8:
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_BOOL:
      return 1;
    case GGUF_TYPE_UINT16:
    case GGUF_TYPE_INT16:
      return 2;
    case GGUF_TYPE_UINT32:
    case GGUF_TYPE_INT32:
    case GGUF_TYPE_FLOAT32:
      return 4;
    case GGUF_TYPE_UINT64:
    case GGUF_TYPE_INT64:
    case GGUF_TYPE_FLOAT64:
      return 8;
    default:
      return 0;
  }
}

void check_array(Cursor& in, std::string_view key) {
  const auto type = in.number<uint32_t>("an array's type");
  const auto count = in.number<uint64_t>("an array's length");
  if (count > kMaxArrayLength)
    in.fail("key ", key, " has ", count, " entries, the limit is ", kMaxArrayLength);
  if (type == GGUF_TYPE_STRING) {
    for (uint64_t i = 0; i < count; ++i)
      if (in.text(kMaxStringLength, "a string of an array").find('\0') != std::string_view::npos)
        in.fail("entry ", i, " of key ", key, " holds a NUL byte");
  } else if (const uint64_t size = scalar_bytes(type)) {
    in.take(size * count, "an array");  // at most 8 * 2^24: cannot wrap
  } else {
    in.fail("key ", key, " is an array of the unknown type ", type);
  }
}

/// Checks one key and its value; returns the alignment when the key sets it, else 0.
uint32_t check_key(Cursor& in, std::unordered_set<std::string_view>& seen) {
  const std::string_view key = in.name(kMaxKeyLength, "a key");
  if (key.empty()) in.fail("a key has no name");
  if (!seen.insert(key).second) in.fail("key ", key, " occurs twice");
  const auto type = in.number<uint32_t>("a value's type");
  if (key == "general.alignment") {
    if (type != GGUF_TYPE_UINT32) in.fail("key general.alignment has type ", type, ", expected uint32");
    const auto alignment = in.number<uint32_t>("the alignment");
    // At least 8, as GGUF says: the kernels read blocks of numbers where they lie in the file.
    if (alignment < 8 || (alignment & (alignment - 1)) || alignment > (1u << 20))
      in.fail("the alignment is ", alignment, ", expected a power of two from 8 to 1048576");
    return alignment;
  }
  if (type == GGUF_TYPE_STRING) {
    in.text(kMaxStringLength, "a string value");
  } else if (type == GGUF_TYPE_ARRAY) {
    check_array(in, key);
  } else if (const uint64_t size = scalar_bytes(type)) {
    const std::byte* value = in.take(size, "a value");
    if (type == GGUF_TYPE_BOOL && std::to_integer<int>(*value) > 1)
      in.fail("key ", key, " is a bool of value ", std::to_integer<int>(*value));
  } else {
    in.fail("key ", key, " has the unknown type ", type);
  }
  return 0;
}

bool known_tensor_type(int32_t type) {
  if (type < 0 || type >= GGML_TYPE_COUNT) return false;
  return ggml_blck_size(static_cast<ggml_type>(type)) > 0 && ggml_type_size(static_cast<ggml_type>(type)) > 0;
}

struct Extent {
  uint64_t offset, n_byte;
};

Extent check_tensor(Cursor& in, std::unordered_set<std::string_view>& seen) {
  const std::string_view tensor = in.name(GGML_MAX_NAME - 1, "a tensor's name");
  if (!seen.insert(tensor).second) in.fail("tensor ", tensor, " occurs twice");
  const auto n_dim = in.number<uint32_t>("a tensor's dimension count");
  if (n_dim < 1 || n_dim > GGML_MAX_DIMS)
    in.fail("tensor ", tensor, " has ", n_dim, " dimensions, expected 1 to 4");
  uint64_t n_element = 1, n_row_element = 1;
  for (uint32_t d = 0; d < n_dim; ++d) {
    const auto length = in.number<uint64_t>("a tensor's dimension");
    if (length == 0 || length > static_cast<uint64_t>(std::numeric_limits<int32_t>::max()))
      in.fail("tensor ", tensor, " has a dimension of ", length);
    if (n_element > (uint64_t{1} << 46) / length)
      in.fail("tensor ", tensor, " has an absurd number of elements");
    n_element *= length;
    if (d == 0) n_row_element = length;
  }
  const auto type = in.number<int32_t>("a tensor's type");
  if (!known_tensor_type(type)) in.fail("tensor ", tensor, " has the unknown element type ", type);
  const auto block = static_cast<uint64_t>(ggml_blck_size(static_cast<ggml_type>(type)));
  if (n_row_element % block)
    in.fail("tensor ", tensor, " has rows of ", n_row_element, " elements, expected a multiple of ", block);
  const uint64_t n_byte = n_element / block * ggml_type_size(static_cast<ggml_type>(type));  // < 2^46 * 2^10
  return {in.number<uint64_t>("a tensor's offset"), n_byte};
}

}  // namespace

void check_gguf(std::span<const std::byte> file, const std::string& name) {
  Cursor in(file, name);
  if (file.size() < 4 || std::memcmp(file.data(), "GGUF", 4) != 0)
    in.fail("it begins with other bytes than \"GGUF\"");
  in.take(4, "the magic");
  const auto version = in.number<uint32_t>("the version");
  if (version != 2 && version != 3) in.fail("its version is ", version, ", expected 2 or 3");
  const auto n_tensor = in.number<uint64_t>("the tensor count");
  const auto n_key = in.number<uint64_t>("the key count");
  if (n_tensor > kMaxTensors) in.fail("it declares ", n_tensor, " tensors, the limit is ", kMaxTensors);
  if (n_key > kMaxKeys) in.fail("it declares ", n_key, " keys, the limit is ", kMaxKeys);

  uint64_t alignment = GGUF_DEFAULT_ALIGNMENT;
  std::unordered_set<std::string_view> keys, tensors;
  for (uint64_t i = 0; i < n_key; ++i)
    if (const uint32_t set = check_key(in, keys)) alignment = set;

  std::vector<Extent> extents;
  for (uint64_t i = 0; i < n_tensor; ++i) extents.push_back(check_tensor(in, tensors));

  const uint64_t data = (in.at() + alignment - 1) / alignment * alignment;
  uint64_t expected = 0;  // tensors lie one after another, each on the alignment
  for (const Extent& e : extents) {
    if (e.offset != expected) in.fail("a tensor starts at offset ", e.offset, ", expected ", expected);
    if (data > file.size() || e.offset > file.size() - data || e.n_byte > file.size() - data - e.offset)
      in.fail("its tensors need ", data + e.offset + e.n_byte, " bytes, the file has ", file.size());
    expected = (e.offset + e.n_byte + alignment - 1) / alignment * alignment;
  }
}

}  // namespace rouse
