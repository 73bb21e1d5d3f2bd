#include "tokenizer/deep_stack.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <cctype>
#include <exception>
#include <memory>

#include "base/error.h"

namespace rouse {
namespace {

/// What every thread has.
constexpr size_t kUsual = size_t{2} << 20;
constexpr size_t kLongest = size_t{1} << 20;

struct Call {
  const std::function<void()>& work;
  std::exception_ptr error;
};

void* run(void* data) {
  auto& call = *static_cast<Call*>(data);
  try {
    call.work();
  } catch (...) {
    call.error = std::current_exception();
  }
  return nullptr;
}

}  // namespace

size_t regex_stack(std::string_view text) {
  // No pre-tokenizer has a match that goes on from a letter or digit over a newline.
  size_t longest = 0, begin = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '\n' || !std::isalnum(static_cast<unsigned char>(text[i - 1]))) continue;
    longest = std::max(longest, i - begin);
    begin = i;
  }
  longest = std::max(longest, text.size() - begin);
  require_usage(longest <= kLongest, "a text has a stretch of ", longest,
                " bytes without a line that ends in a letter or digit, the tokenizer takes at most ",
                kLongest);
  return longest * kRegexBytes;
}

void on_deep_stack(size_t n_byte, const std::function<void()>& work) {
  if (n_byte <= kUsual) return work();
  n_byte = (n_byte + kUsual + 0xFFFF) & ~size_t{0xFFFF};
  // Reserved, not counted as used: most of it is never touched. The lowest page is a guard.
  void* memory = mmap(nullptr, n_byte, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  require(memory != MAP_FAILED, "not enough memory for a stack of ", n_byte, " bytes");
  const auto unmap = [n_byte](void* p) { munmap(p, n_byte); };
  const std::unique_ptr<void, decltype(unmap)> stack(memory, unmap);
  mprotect(memory, 0x10000, PROT_NONE);
  Call call{work, nullptr};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, memory, n_byte);
  pthread_t thread;
  const int failed = pthread_create(&thread, &attributes, run, &call);
  pthread_attr_destroy(&attributes);
  require(failed == 0, "a thread for a long text could not be started");
  pthread_join(thread, nullptr);
  if (call.error) std::rethrow_exception(call.error);
}

}  // namespace rouse
