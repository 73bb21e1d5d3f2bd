#include "gguf/writer.h"

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace rouse {

GgufWriter::GgufWriter(size_t n_tensor)
    : gguf_(gguf_init_empty()),
      context_(ggml_init({ggml_tensor_overhead() * (n_tensor + 1), nullptr, true})) {}

void GgufWriter::add(const std::string& name, ggml_type type, const std::vector<int64_t>& ne) {
  ggml_tensor* t = ggml_new_tensor(context_.get(), type, static_cast<int>(ne.size()), ne.data());
  ggml_set_name(t, name.c_str());
  gguf_add_tensor(gguf_.get(), t);
  tensors_.push_back(t);
}

uint64_t GgufWriter::write(const std::string& path,
                           const std::function<std::span<const std::byte>(size_t)>& data) {
  gguf_remove_key(gguf_.get(), "general.alignment");  // the default, as padded below
  const std::string partial = path + ".partial";
  uint64_t total = 0;
  try {
    require(gguf_write_to_file(gguf_.get(), partial.c_str(), true), partial, ": cannot write");
    std::ofstream out(partial, std::ios::binary | std::ios::app);
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const auto bytes = data(i);
      out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      const size_t padding = GGML_PAD(bytes.size(), GGUF_DEFAULT_ALIGNMENT) - bytes.size();
      out.write(std::string(padding, '\0').data(), static_cast<std::streamsize>(padding));
      require(out.good(), partial, ": cannot write (disk full?)");
      total += bytes.size();
    }
    out.close();
    require(out.good(), partial, ": cannot write (disk full?)");
    std::filesystem::rename(partial, path);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    throw;
  }
  return total;
}

}  // namespace rouse
