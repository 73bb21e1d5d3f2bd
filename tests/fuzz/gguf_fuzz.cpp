/// What the pre-check accepts, everything behind it must survive: ggml, the spec readers, the table of
/// tensors, and libllama's vocabulary.
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "gguf/check.h"
#include "model/tensors.h"
#include "tokenizer/tokenizer.h"

namespace {

/// The input as a file that libllama can open.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : fd_(memfd_create("fuzz", 0)) {
    for (size_t at = 0; at < size;) {
      const ssize_t n = write(fd_, data + at, size - at);
      if (n <= 0) abort();
      at += static_cast<size_t>(n);
    }
  }
  ~MemoryFile() { close(fd_); }
  std::string path() const { return rouse::cat("/proc/self/fd/", fd_); }

 private:
  int fd_;
};

template <class Work>
void survive(Work work) {
  try {
    work();
  } catch (const rouse::Error& e) {
    rouse::printable(e.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    rouse::check_gguf({reinterpret_cast<const std::byte*>(data), size}, "fuzz");
  } catch (const rouse::Error&) {
    return 0;
  }
  const MemoryFile memory(data, size);
  survive([&] {
    const rouse::GgufFile file(memory.path());
    for (size_t i = 0; i < file.n_key(); ++i) rouse::printable(file.key_text(i));
    survive([&] { rouse::check_tensors(file, rouse::read_spec(file)); });
    survive([&] {
      const rouse::Tokenizer tokenizer(file);
      for (const bool special : {false, true})
        tokenizer.decode(tokenizer.encode("<s> ab\n\n  12 \xe6\xbc\xa2 \xff", true, special), special);
    });
  });
  return 0;
}
